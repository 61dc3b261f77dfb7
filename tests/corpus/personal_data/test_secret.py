"""Keys of each shape, whole; neighbours that are none."""

import base64
import json
import random

import pytest

from telos.corpus.personal_data.secret import KEYS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def made(count, alphabet=LETTERS, seed=3):
    draw = random.Random(seed)
    return "".join(draw.choice(alphabet) for _ in range(count))


def token():
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890", "name": "Zhang"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, made(43)])


EACH = {
    "aws": "AKIA" + made(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "github": "ghp_" + made(36),
    "github_fine": f"github_pat_{made(22)}_{made(59)}", "gitlab": "glpat-" + made(20),
    "slack": f"xoxb-{made(12, '0123456789')}-{made(24)}",
    "slack_app": f"xapp-1-{made(11, 'ABCDEF0123')}-{made(13, '0123456789')}-{made(64, 'abcdef0123456789')}",
    "google": "AIza" + made(35),
    "google_oauth": "ya29." + made(60), "stripe": "sk_live_" + made(24), "stripe_webhook": "whsec_" + made(32),
    "openai_and_anthropic": "sk-ant-api03-" + made(90), "sendgrid": f"SG.{made(22)}.{made(43)}", "npm": "npm_" + made(36),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + made(60), "hugging_face": "hf_" + made(34, LETTERS[:52]),
    "digitalocean": "dop_v1_" + made(64, "abcdef0123456789"),
    "shopify": "shpat_" + made(32, "abcdef0123456789"), "square": "sq0atp-" + made(22), "alibaba_cloud": "LTAI" + made(20),
    "tencent_cloud": "AKID" + made(32), "twilio": "SK" + made(32, "abcdef0123456789"), "facebook": "EAACEdEose0cBA" + made(40),
    "nvidia": "nvapi-" + made(64), "groq": "gsk_" + made(52), "json_web_token": token(),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_key_of_each_shape_is_found_whole(values, name):
    key = EACH[name]
    for sentence in ('token = "{}"', "密钥{}。", "export KEY={}\n", "Bearer {}, then", "{}"):
        assert values(sentence.format(key)) == [("secret", key)], sentence


@pytest.mark.parametrize("text", [
    "AKIAIOSFODNN7EXAMPLE", "ghp_short", "skip-to-2012-content-of-this-page", "sk-learn-is-a-library-for-python",
    "AKIA" + made(17, "ABCDEF"),
    "ghost_" + made(36), "xghp_" + made(36), "eyJhbGciOi.eyJzdWIiOi.x", "share-2012-04-what-we-learned-about-it",
    "SKU" + made(30, "0123456789"),
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, "secret") == []


PEM = "-----BEGIN {0}-----\n{1}\n{1}\n-----END {0}-----"


@pytest.mark.parametrize(
    "label",
    ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"],
)
def test_private_keys(values, label):
    key = PEM.format(label, made(64))
    assert values(f"私钥：\n{key}\n完") == [("secret", key)]
    cut = key[: key.rindex("\n")]
    assert values(f"{cut}\n\nAnd then text.", "secret") == [("secret", cut)]


def test_public_parts_are_left_alone(values):
    assert values(PEM.format("CERTIFICATE", made(64))) == values(PEM.format("PUBLIC KEY", made(64))) == []
    assert values("-----BEGIN RSA PRIVATE KEY-----\n... (your key) ...\n-----END RSA PRIVATE KEY-----") == []
