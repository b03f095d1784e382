"""Certificates made for the run of a test, and real TLS servers to talk to."""
import contextlib
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from netspace import ended

CONFIG = '''
[ca]
default_ca = own
[own]
dir = {dir}
new_certs_dir = {dir}/new
database = {dir}/index
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = optional
organizationName = optional
[authority]
basicConstraints = critical,CA:true
[server]
basicConstraints = CA:false
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:false
extendedKeyUsage = clientAuth
'''
PAST = ('20200101000000Z', '20200201000000Z')
NOW = ('20260101000000Z', '20560101000000Z')
FUTURE = ('20500101000000Z', '20560101000000Z')


def openssl(*args, text=None):
    return subprocess.run(['openssl', *map(str, args)], check=True, input=text, capture_output=True, text=True).stdout


class Authority:
    """A CA in a directory; `issue` makes NAME.pem (with its chain) and NAME.key."""

    def __init__(self, directory, name, parent=None):
        self.dir = pathlib.Path(directory) / name
        (self.dir / 'new').mkdir(parents=True)
        (self.dir / 'index').write_text('')
        self.config = self.dir / 'config'
        self.config.write_text(CONFIG.format(dir=self.dir))
        self.certificate, self.key = self.dir / 'ca.pem', self.dir / 'ca.key'
        self.parent = parent
        if parent:
            parent.sign(self.request(name, self.key, ''), self.certificate, NOW, 'authority')
        else:
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', self.key,
                    '-out', self.certificate, '-days', 1000, '-subj', f'/O=Tarsier tests/CN={name}')

    def request(self, name, key, names, kind=('ec', '-pkeyopt', 'ec_paramgen_curve:P-256')):
        extension = ('-addext', f'subjectAltName={names}') if names else ()
        request = self.dir / f'{name}.request'
        openssl('req', '-new', '-newkey', *kind, '-nodes', '-keyout', key, '-out', request, '-subj', f'/CN={name}', *extension)
        return request

    def sign(self, request, certificate, dates, extensions):
        openssl('ca', '-batch', '-notext', '-config', self.config, '-cert', self.certificate, '-keyfile', self.key, '-in', request,
                '-out', certificate, '-startdate', dates[0], '-enddate', dates[1], '-extensions', extensions)

    def issue(self, name, names='', dates=NOW, extensions='server', **kind):
        certificate, key = self.dir / f'{name}.pem', self.dir / f'{name}.key'
        self.sign(self.request(name, key, names, **kind), certificate, dates, extensions)
        if self.parent:
            certificate.write_text(certificate.read_text() + self.certificate.read_text())
            certificate.with_suffix('.chain').write_text(self.certificate.read_text())
        return certificate, key


@pytest.fixture(scope='session')
def pki(tmp_path_factory):
    if not shutil.which('openssl'):
        pytest.skip('needs openssl')
    directory = tmp_path_factory.mktemp('pki')

    class Pki:
        root = Authority(directory, 'root')
        middle = Authority(directory, 'middle', root)
        other = Authority(directory, 'other')
        ca = root.certificate
        good = root.issue('localhost', 'DNS:localhost,IP:127.0.0.1')
        rsa = root.issue('rsa', 'DNS:localhost,IP:127.0.0.1', kind=('rsa:2048',))
        chained = middle.issue('chained', 'DNS:localhost,IP:127.0.0.1')
        expired = root.issue('expired', 'DNS:localhost,IP:127.0.0.1', dates=PAST)
        early = root.issue('early', 'DNS:localhost,IP:127.0.0.1', dates=FUTURE)
        wrong = root.issue('elsewhere.test', 'DNS:elsewhere.test,DNS:*.wild.test')
        strange = other.issue('strange', 'DNS:localhost,IP:127.0.0.1')
        client = root.issue('client', extensions='client')
        stranger = other.issue('stranger', extensions='client')
        selfsigned = (directory / 'self.pem', directory / 'self.key')
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', Pki.selfsigned[1], '-out', Pki.selfsigned[0], '-days', 30,
            '-subj', '/CN=alone', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    return Pki


def certificate_facts(path):
    """What openssl says of it."""
    lines = openssl('x509', '-in', path, '-noout', '-serial', '-fingerprint', '-sha256', '-startdate', '-enddate').splitlines()
    facts = dict(line.split('=', 1) for line in lines)
    facts['sha256'] = next(v for k, v in facts.items() if 'ingerprint' in k).replace(':', '').lower()
    return facts


@contextlib.contextmanager
def s_server(pair, *args):
    """`openssl s_server` on a port of its own; .port is it."""
    chain = pair[0].with_suffix('.chain')
    more = ['-cert_chain', str(chain)] if chain.exists() else []
    child = subprocess.Popen(['openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', str(pair[0]), *more, '-key', str(pair[1]),
                              *map(str, args)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with ended(child):
        for line in child.stdout:
            if match := re.match(r'ACCEPT .*:(\d+)$', line.strip()):
                child.port = int(match[1])
                break
        else:
            pytest.fail('openssl s_server did not start')
        yield child


@contextlib.contextmanager
def python_server(serve):
    """Calls serve(connection) in a thread for each plain connection; yields the port."""
    listener = socket.create_server(('127.0.0.1', 0))

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, ssl.SSLError):
                connection.settimeout(60)
                serve(connection)
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(60)


def server_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context
