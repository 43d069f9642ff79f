"""A mail server for tests, by aiosmtpd: STARTTLS and a password are required.

Prints its port, then each mail as one line of JSON, read by Python's own e-mail parser.
Usage: sink.py CERTIFICATE KEY PASSWORD
"""
import email, email.policy, json, socket, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

certificate, key, password = sys.argv[1:]


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {p.get_content_type(): p for p in mail.walk() if not p.is_multipart()}
        print(json.dumps({
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data.decode(),
            "headers": dict(mail.items()),
            "defects": [repr(d) for p in mail.walk() for d in p.defects],
            "parts": {kind: part.get_content() for kind, part in parts.items()},
        }), flush=True)
        return "250 kept"


def known(server, session, envelope, mechanism, auth_data):
    if auth_data.password == password.encode():
        return AuthResult(success=True, auth_data=auth_data.login)
    return AuthResult(success=False, handled=False)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class OnAnyPort(Controller):
    """With port 0. To see that it is up the controller connects to itself, for which it takes the real port."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()


controller = OnAnyPort(
    Keep(), hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True,
    authenticator=known, auth_required=True,
)
controller.start()
print(controller.port, flush=True)
threading.Event().wait()
