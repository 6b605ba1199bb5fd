import logging

import pytest

from alerting import channels as module
from alerting.channels import channels_of, send, send_test, without
from errors import AlertError, SetupError
from resources.settings import Settings

DEAD = "json://user:hidden-word@127.0.0.1:1/hidden-path"


def test_a_message_reaches_its_address(inbox, alerted) -> None:
    assert send(channels_of(alerted(inbox.url)), "the title", "two\nlines") == []
    assert inbox.received == [{"title": "the title", "body": "two\nlines"}]


def test_without_an_address_there_is_no_channel(alerted) -> None:
    assert channels_of(alerted()) == ()


@pytest.mark.parametrize("between", [" ", ",", ", ", ";", "\n"])
def test_addresses_stand_apart_by_spaces_or_commas(alerted, between: str) -> None:
    given = between.join(["json://127.0.0.1:1/a,b", "jsons://example.org/c"])
    names = [channel.name for channel in channels_of(alerted(given))]
    assert names == ["address 1 of 2 (json://)", "address 2 of 2 (jsons://)"]


@pytest.mark.parametrize(
    "wrong", ["slack://hidden-word", "tgram://hidden/word", "nonsense://hidden-word", "hidden-word"]
)
def test_an_unusable_address_is_refused_by_its_place_and_not_shown(
    alerted, wrong: str, caplog, capfd
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SetupError) as caught:
        channels_of(alerted("json://127.0.0.1/x", wrong))
    assert "LEEWAY_ALERT_URLS: address 2 of 2" in str(caught.value)
    shown = str(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert "hidden" not in shown


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_is_told_in_the_service_s_words_without_its_secrets(
    inbox, alerted, status: int, caplog
) -> None:
    inbox.status = status
    with caplog.at_level(logging.INFO):
        (problem,) = send(channels_of(alerted(inbox.url)), "title", "body")
    assert problem.startswith("address 1 of 1 (json://): ")
    assert f"error={status}" in problem
    for secret in (inbox.password, inbox.token):
        assert secret not in problem + caplog.text


def test_a_dead_address_is_a_problem_and_no_exception(alerted, caplog) -> None:
    with caplog.at_level(logging.INFO):
        (problem,) = send(channels_of(alerted(DEAD)), "title", "body")
    assert "onnection" in problem
    assert "hidden" not in problem + caplog.text


def test_every_part_of_an_address_is_hidden_encoded_or_not() -> None:
    address = "mailto://me:p%40ssword@mail.example?to=you%2Bx@example.org"
    words = "cannot log in as me with p@ssword at mail.example for you%2Bx"
    assert without(words, address) == "cannot log in as me with *** at *** for ***"


def test_addresses_show_nowhere_in_settings_or_channels(inbox, alerted) -> None:
    loaded = alerted(inbox.url)
    shown = f"{loaded!r} {loaded} {loaded.model_dump_json()} {loaded.environment}"
    shown += repr(channels_of(loaded))
    assert inbox.password not in shown
    assert inbox.token not in shown


def test_a_test_message_says_who_has_accepted_it(inbox, alerted, monkeypatch) -> None:
    use(monkeypatch, alerted(inbox.url))
    assert send_test() == "accepted by address 1 of 1 (json://)"
    assert inbox.titles == ["Leeway: test"]


def test_a_test_message_that_one_address_refuses_is_an_error(inbox, alerted, monkeypatch) -> None:
    use(monkeypatch, alerted(inbox.url, DEAD))
    with pytest.raises(AlertError, match=r"1 of 2 addresses.*\naddress 2 of 2 \(json://\): "):
        send_test()
    assert inbox.titles == ["Leeway: test"]


def test_a_test_message_without_an_address_says_where_alerts_go(alerted, monkeypatch) -> None:
    use(monkeypatch, alerted())
    assert send_test() == "LEEWAY_ALERT_URLS is not set: alerts go to the log only"


def use(monkeypatch: pytest.MonkeyPatch, loaded: Settings) -> None:
    """Let the settings of this process be these."""
    monkeypatch.setattr(module, "settings", lambda: loaded)
