"""apprise behind one file: the addresses of `LEEWAY_ALERT_URLS`, checked, and a message to each.

An address is a secret as a whole: many services keep their token in its path. So it is named by its
place in the list and its scheme, and apprise's own log, which prints addresses, is kept quiet.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import SecretStr

from alerting.messages import Message
from errors import AlertError, SetupError
from resources.settings import Settings, settings

if TYPE_CHECKING:
    from apprise import NotifyBase
    from apprise.result import AppriseResult

logger = logging.getLogger("leeway")

VARIABLE = "LEEWAY_ALERT_URLS"
BETWEEN = re.compile(r"\s+|[,;](?=[A-Za-z][\w+.-]*://)")  # a comma may also stand in an address
SHORT = 4  # parts of an address below this length are no secrets, and hiding them garbles a text


@dataclass(frozen=True)
class Channel:
    """One address. `name` is fit to be shown."""

    name: str
    url: SecretStr
    service: "NotifyBase" = field(repr=False)

    def send(self, title: str, body: str) -> str | None:
        """Send a message; returns why it was not accepted, or None."""
        from apprise import Apprise, NotifyFormat

        sender = Apprise()
        sender.add(self.service)
        result = sender.notify(title=title, body=body, body_format=NotifyFormat.TEXT)
        return None if result else f"{self.name}: {self._reason(result)}"

    def _reason(self, result: "AppriseResult") -> str:
        """Return the service's own words, without any part of its address."""
        words = "; ".join(entry.message for entry in result.logs())
        return without(words, self.url.get_secret_value()) or "it did not accept the message"


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return the addresses that alerts go to; none where only the log is wanted.

    Raises SetupError for an address that apprise cannot use; the message does not show it.
    """
    given = settings.alert_urls.get_secret_value() if settings.alert_urls else ""
    addresses = [address for address in BETWEEN.split(given.strip()) if address]
    return tuple(
        _channel(address, f"address {number} of {len(addresses)}")
        for number, address in enumerate(addresses, start=1)
    )


def send(channels: Sequence[Channel], title: str, body: str) -> list[str]:
    """Send a message to every address; returns why some did not accept it."""
    answers = (channel.send(title, body) for channel in channels)
    return [problem for problem in answers if problem]


def deliver(channels: Sequence[Channel], message: Message) -> bool:
    """Send a message; returns whether any address accepted it. The others' answers are logged."""
    problems = send(channels, message.title, message.body)
    for problem in problems:
        logger.error("alert %r was not accepted by %s", message.title, problem)
    return len(problems) < len(channels)


def send_test() -> str:
    """Send a test message and return who accepted it.

    Raises AlertError with what each address answered where one did not.
    """
    loaded = settings()
    channels = channels_of(loaded)
    if not channels:
        return f"{VARIABLE} is not set: alerts go to the log only"
    problems = send(channels, "Leeway: test", f"Alerts arrive here.\n{loaded.dagster_url}")
    if problems:
        refused = f"{len(problems)} of {len(channels)} addresses did not accept the message:"
        raise AlertError("\n".join([refused, *problems, "Repair them in LEEWAY_ALERT_URLS"]))
    return f"accepted by {', '.join(channel.name for channel in channels)}"


def without(text: str, address: str) -> str:
    """Return a text with every part of an address replaced, as it stands and decoded."""
    _, _, rest = address.partition("://")
    parts = {part for part in re.split(r"[^\w.~%+-]+", rest) if len(part) >= SHORT}
    for part in sorted(parts | {unquote(part) for part in parts}, key=len, reverse=True):
        text = text.replace(part, "***")
    return text


@contextmanager
def silenced() -> Iterator[None]:
    """Let apprise log nothing: what it says of an address that it cannot use is the address."""
    log = logging.getLogger("apprise")
    log.disabled = True
    try:
        yield
    finally:
        log.disabled, log.propagate = False, False
        log.handlers = [logging.NullHandler()]  # else Python prints what nobody handles


def _channel(address: str, place: str) -> Channel:
    from apprise import Apprise
    from apprise.manager_plugins import NotificationManager

    scheme = address.partition("://")[0].lower()
    known = scheme in NotificationManager()
    name = f"{place} ({scheme}://)" if known else place
    with silenced():
        service = Apprise.instantiate(address)
    if service is None:
        fault = "lacks something" if known else "starts with no scheme that apprise knows"
        raise SetupError(
            f"{VARIABLE}: {name} {fault}: write it as apprise's page on the service says, with "
            "spaces between addresses; then try `leeway alert-test`"
        )
    return Channel(name, SecretStr(address), service)
