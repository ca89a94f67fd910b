"""An OpenID Connect provider on loopback: a discovery document, signing keys, and tokens signed with them."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "fairlead"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def described(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: str) -> dict[str, Any]:
    """The public half as a provider publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        text = RSAAlgorithm.to_jwk(key.public_key())
    else:
        text = ECAlgorithm.to_jwk(key.public_key())
    return {**json.loads(text), "kid": kid, **more}


class Provider:
    """Serves a discovery document and its keys."""

    def __init__(self) -> None:
        self.keys = [described(RSA_KEY, "one", use="sig"), described(EC_KEY, "two")]
        self.asked = 0
        self.away = False
        self.calls_itself = ""
        self.redirects_to = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                if provider.redirects_to and self.path == "/keys":
                    self.send_response(302)
                    self.send_header("location", provider.redirects_to)
                    self.end_headers()
                    return
                about = {"issuer": provider.calls_itself or provider.issuer, "jwks_uri": f"{provider.issuer}/keys"}
                self.send_response(503 if provider.away else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": provider.keys} if self.path == "/keys" else about).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, key: Any = RSA_KEY, kid: str = "one", algorithm: str = "RS256", **claims: Any) -> str:
        soon = datetime.now(UTC) + timedelta(minutes=5)
        body = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ann", "exp": soon, **claims}
        return jwt.encode(
            {name: value for name, value in body.items() if value is not None}, key, algorithm, {"kid": kid}
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
