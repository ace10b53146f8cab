"""What is masked and what is left: the labelled texts, and every text that may come."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployments.local.stack import ROOT
from flows.masking import find, mask
from tests.unit import growth
from tests.unit.masking import labelled

POSITIVES = labelled.positives()
LOOK_ALIKES = labelled.look_alikes()

#: A plain word that only its sentence tells from "my password is weak".
MISSED = ["my password is swordfish, as in the film"]


def covered(positive):
    return any(secret.start <= positive.start and secret.end >= positive.end for secret in find(positive.text))


def test_of_the_labelled_secrets_one_is_missed_and_no_look_alike_is_masked():
    assert len(POSITIVES) >= 100
    assert len(LOOK_ALIKES) >= 200
    assert [positive.text for positive in POSITIVES if not covered(positive)] == MISSED
    assert [text for text in LOOK_ALIKES if find(text)] == []


def test_the_guide_says_these_rates():
    found = sum(map(covered, POSITIVES))
    guide = " ".join((ROOT / "deployments" / "README.md").read_text(encoding="utf-8").split())
    assert f"{found} of {len(POSITIVES)} secrets are masked, and 0 of {len(LOOK_ALIKES)} look-alikes" in guide


@pytest.mark.parametrize(
    "positive", [each for each in POSITIVES if each.text not in MISSED], ids=lambda each: each.kind
)
def test_a_mask_says_what_it_was_and_leaves_what_stands_around_it(positive):
    before, after = positive.text[: positive.start], positive.text[positive.end :]
    assert mask(positive.text) == f"{before}[secret: {positive.kind}]{after}"


@pytest.mark.parametrize("invisible", ["\u00ad", "\u200b", "\u2060", "\ufeff"])
def test_what_cannot_be_seen_hides_no_secret(invisible):
    assert (
        mask(f"Mein Passwort ist Him{invisible}mel88, {invisible}ja")
        == f"Mein Passwort ist [secret: password], {invisible}ja"
    )
    assert mask(f"{invisible}visa 4111 11{invisible}11 1111 1111.") == f"{invisible}visa [secret: card number]."


def test_wide_and_arabic_digits_and_long_dashes_are_read_as_what_they_look_like():
    assert mask("بطاقتي ٤١١١ ١١١١ ١١١١ ١١١١") == "بطاقتي [secret: card number]"
    assert mask("4111–1111–1111–1111") == "[secret: card number]"
    assert mask("ＩＢＡＮ：ＤＥ８９３７０４００４４０５３２０１３０００") == "ＩＢＡＮ：[secret: IBAN]"


def test_several_secrets_of_a_text_are_masked_each():
    text = "user: ida\npassword: swordfish\nIBAN DE89 3704 0044 0532 0130 00, PIN 4711"
    assert mask(text) == "user: ida\npassword: [secret: password]\nIBAN [secret: IBAN], PIN [secret: PIN]"


@pytest.mark.parametrize("after", ["", " 09/27 123", " 0927", ", CVV later", "\n", "."])
def test_a_card_is_known_whatever_follows(after):
    assert mask(f"4111 1111 1111 1111{after}") == f"[secret: card number]{after}"
    assert mask(f"4111111111111111{after}") == f"[secret: card number]{after}"


@pytest.mark.parametrize("between", ["\n", ", ", " and ", "; "])
@pytest.mark.parametrize(
    ("number", "kind"), [("4111 1111 1111 1111", "card number"), ("DE89 3704 0044 0532 0130 00", "IBAN")]
)
def test_each_number_of_a_list_is_masked(number, kind, between):
    assert mask(between.join([number] * 3)) == between.join([f"[secret: {kind}]"] * 3)


def test_what_is_two_kinds_at_once_is_masked_once():
    jwt = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiI5MDE3NTUifQ.R2t0dHJvcGljc2lnbmF0dXJl"
    assert mask(f"https://x.example/?token={jwt}") == "https://x.example/?token=[secret: JWT]"


PIECES = (
    *(positive.text for positive in POSITIVES),
    *LOOK_ALIKES,
    *(
        "password",
        " is ",
        ": ",
        "PIN ",
        "IBAN ",
        "https://",
        "@",
        "?token=",
        "eyJ",
        "\n",
        "\u00ad",
        "“",
        '"',
        "4",
        "[secret: PIN]",
    ),
)
_KEY = f"-----BEGIN EC PRIVATE KEY-----\n{'MFyzcsSVO6ChwGyUPC2uCKDJEd21tE8tiPyKdnfw' * 4}=="
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=6).map("".join)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
@example("card above, CVV 512我的密码是abc123xyz，别忘了")
@example(
    'secret_access_key = XghYA/9RNTvGU+cqNGTIgk0z1HmU9IeCDth63guwself.password = passwordDB_PASSWORD: "sunny-day-77"'
)
@example(f"{_KEY}-----END EC PRIVATE KEY-----pedido n.º 4111111111111111 sin enviar")
@example(f"{_KEY}pedido n.º 4111111111111111 sin enviar")
@example("pedido PIN: 4711, 4111111111111111")
def test_a_masked_text_stays_as_it_is_and_secrets_stand_in_order(text):
    places = [place for secret in find(text) for place in secret[:2]]
    assert places == sorted(places)
    assert all(0 <= place <= len(text) for place in places)
    assert mask(mask(text)) == mask(text)


HOSTILE = (
    *(
        "a",
        "A1",
        "1",
        "1 ",
        "1-",
        "DE12 ",
        " ",
        "\n",
        "password ",
        "password is ",
        "password for a ",
        "pin for a ",
        "seed phrase abc ",
    ),
    *(
        "eyJ",
        "eyJhbGciOiJI.",
        "eyJhbGciOiJI\n",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nabcd\n",
        "://",
        "://a:",
    ),
    *(
        "https://a/reset",
        "/reset",
        "?token=",
        "token: ",
        "sk-",
        "SG.",
        "user: a ",
        '"',
        "pw=",
        "\u00ad",
        "\u00adpassword is ",
    ),
)


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("before", ["", "https://x/", "my password is "])
def test_time_grows_no_faster_than_the_text(before, piece):
    def text(length):
        return before + piece * (length // len(piece))

    # 16 times as long if it were the square.
    assert growth.is_below(10, find, part=text(20_000), whole=text(80_000))
