"""What all declarations have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]


class Declared(BaseModel):
    """Base of all declarations: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
