"""timedrift against time servers of the test's own, honest and not, on loopback."""
import contextlib
import json
import re
import subprocess
import sys

import pytest

from netspace import ended, skip_unless_possible

SERVER = '''
import json, os, socket, struct, sys, time
option = json.loads(sys.argv[1])
family = socket.AF_INET6 if ":" in option.get("address", "127.0.0.1") else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((option.get("address", "127.0.0.1"), option.get("port", 0)))
print(s.getsockname()[1], flush=True)
def stamp(t):
    t += 2208988800
    return struct.pack("!II", int(t) & 0xffffffff, int((t - int(t)) * 2**32) & 0xffffffff)
def short(t):
    return struct.pack("!I", int(t * 65536))
number = 0
while True:
    request, peer = s.recvfrom(2000)
    print(request.hex(), flush=True)
    number += 1
    if option.get("silent") or number <= option.get("lose", 0):
        continue
    now = time.time() + option.get("offset", 0)
    origin = request[40:48]
    head = bytes([option.get("leap", 0) << 6 | option.get("version", 4) << 3 | option.get("mode", 4),
                  option.get("stratum", 2), 0, 0xec])
    body = short(option.get("rootdelay", 0)) + short(option.get("rootdispersion", 0))
    body += option.get("refid", "GPS\\0").encode("latin-1")[:4].ljust(4, b"\\0") + stamp(now - 10)
    good = head + body + origin + stamp(now) + (bytes(8) if option.get("notime") else stamp(now))
    wrong = head + body + os.urandom(8) + stamp(now + 1000) + stamp(now + 1000)
    for packet in option.get("packets", ["good"]):
        s.sendto({"good": good, "wrong": wrong, "short": good[:47], "empty": b"", "long": good + bytes(500)}[packet], peer)
'''


@contextlib.contextmanager
def server(prefix=(), **option):
    child = subprocess.Popen([*prefix, sys.executable, '-c', SERVER, json.dumps(option)], stdout=subprocess.PIPE, text=True)
    with ended(child):
        child.port = int(child.stdout.readline())
        yield child


def ask(tarsier, *servers, drift='1s', timeout='5s', host='127.0.0.1'):
    named = [word for one in servers for word in ('--server', f'{host}:{one.port}')]
    result = tarsier.json('timedrift', '--drift', drift, '-t', timeout, *named)
    tarsier.check('timedrift', result['elements'])
    return result


def seconds(text):
    """A duration of Go's form."""
    units = {'h': 3600, 'm': 60, 's': 1, 'ms': 1e-3, 'µs': 1e-6, 'ns': 1e-9}
    value = sum(float(number) * units[unit] for number, unit in re.findall(r'([0-9.]+)(h|ms|m|s|µs|ns)', text))
    return -value if text.startswith('-') else value


def test_without_drift_only_the_local_time(tarsier):
    result = tarsier.message('timedrift', {'drift': ''})
    assert result['foundanything'] and result['success'] and result['errors'] is None
    assert set(result['elements']) == {'hascheckeddrift', 'localtime'} and not result['elements']['hascheckeddrift']
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z', result['elements']['localtime'])
    assert set(result['statistics']) == {'exectime'}


def test_within_drift(tarsier):
    with server(rootdelay=0.010, rootdispersion=0.002, stratum=1) as good:
        result = ask(tarsier, good)
    assert result['success'] and not result['foundanything'] and result['errors'] is None
    assert result['elements']['hascheckeddrift'] and result['elements']['iswithindrift']
    assert 'drifts' not in result['elements']
    (row,) = result['statistics']['ntpstats']
    assert row['reachable'] and row['chosen'] and row['host'] == row['address'] == '127.0.0.1'
    assert (row['stratum'], row['leap'], row['reference']) == (1, 'none', 'GPS')
    assert abs(seconds(row['rootdelay']) - 0.010) < 1e-4 and abs(seconds(row['rootdispersion']) - 0.002) < 1e-4
    distance = (seconds(row['rootdelay']) + seconds(row['delay'])) / 2 + seconds(row['rootdispersion'])
    assert abs(seconds(row['rootdistance']) - distance) < 1e-6
    assert abs(seconds(row['offset']) + seconds(row['drift'])) < 1e-6


@pytest.mark.parametrize('offset, word', [(7200, 'behind'), (-7200, 'ahead of'), (40 * 365 * 86400, 'behind')])
def test_out_of_drift(tarsier, offset, word):
    """The last one lies in the next era of NTP's 32-bit seconds (2036)."""
    with server(offset=offset) as wrong:
        result = ask(tarsier, wrong)
    assert result['foundanything'] and result['success']
    assert result['elements']['hascheckeddrift'] and 'iswithindrift' not in result['elements']
    (text,) = result['elements']['drifts']
    assert text.startswith(f'Local time is {word} ntp host 127.0.0.1 by ')
    assert abs(seconds(text.rsplit(' ', 1)[1]) - abs(offset)) < 1
    assert abs(seconds(result['elements']['offset']) - offset) < 1


def test_a_request_tells_nothing(tarsier):
    with server() as good:
        ask(tarsier, good)
        ask(tarsier, good)
        first, second = (bytes.fromhex(good.stdout.readline().strip()) for _ in range(2))
    for request in (first, second):
        assert len(request) == 48 and request[0] == 0x23 and request[1:40] == bytes(39)
    assert first[40:] != second[40:]


@pytest.mark.parametrize('packets', [['wrong'], ['short'], ['empty'], ['wrong', 'short', 'wrong']])
def test_what_is_no_answer_to_us_is_refused(tarsier, packets):
    with server(packets=packets) as liar:
        result = ask(tarsier, liar, timeout='1s')  # asked twice: each time the answer has half of it
    (row,) = result['statistics']['ntpstats']
    assert not row['reachable'] and row['failure'] == 'no answer' and row['strange'] >= 2 * len(packets)
    assert not result['success'] and not result['elements']['hascheckeddrift']
    assert result['errors'] == ['none of 1 time servers gave a usable answer']
    assert row['time'] == '0001-01-01T00:00:00Z' and row['latency'] == row['drift'] == ''


@pytest.mark.parametrize('packets', [['wrong', 'good'], ['good', 'good', 'good'], ['short', 'wrong', 'long']])
def test_forged_and_repeated_packets_change_nothing(tarsier, packets):
    with server(packets=packets) as mixed:
        result = ask(tarsier, mixed)
    assert result['elements']['iswithindrift'] and len(result['statistics']['ntpstats']) == 1


def test_a_lost_packet_is_asked_for_again(tarsier):
    with server(lose=1) as lossy:
        assert ask(tarsier, lossy, timeout='2s')['elements']['iswithindrift']


@pytest.mark.parametrize('mode', [1, 3, 5])
def test_other_modes_are_no_answers(tarsier, mode):
    with server(mode=mode) as other:
        assert not ask(tarsier, other, timeout='100ms')['success']


def test_silence(tarsier):
    with server(silent=True) as mute:
        (row,) = ask(tarsier, mute, timeout='100ms')['statistics']['ntpstats']
    assert row['failure'] == 'no answer' and not row['reachable']


def test_nobody_there(tarsier):
    with server() as gone:
        pass
    (row,) = ask(tarsier, gone)['statistics']['ntpstats']
    assert row['failure'] == 'Connection refused'


@pytest.mark.parametrize('code', ['RATE', 'DENY', 'RSTR'])
def test_a_kiss_of_death_is_obeyed(tarsier, code):
    with server(stratum=0, refid=code, leap=3) as kiss:
        (row,) = ask(tarsier, kiss)['statistics']['ntpstats']
        assert kiss.stdout.readline()
        kiss.kill()
        assert kiss.stdout.read() == ''  # asked once, and never again
    assert row['kiss'] == code and not row['reachable']


@pytest.mark.parametrize('option', [{'leap': 3}, {'stratum': 16}, {'notime': True}, {'rootdispersion': 20}])
def test_a_server_that_does_not_know_the_time(tarsier, option):
    with server(offset=99, **option) as lost:
        result = ask(tarsier, lost)
    (row,) = result['statistics']['ntpstats']
    assert row['failure'] == 'the server does not know the time itself' and not result['elements']['hascheckeddrift']


def test_the_nearest_to_the_truth_decides(tarsier):
    with server(rootdispersion=0.5, offset=300) as far, server(rootdispersion=0.001) as near, \
            server(stratum=0, refid='DENY') as kiss, server(rootdelay=0.9, offset=-300) as other:
        result = ask(tarsier, far, near, kiss, other)
    assert result['elements']['iswithindrift'] and not result['foundanything']
    assert [row.get('chosen', False) for row in result['statistics']['ntpstats']] == [False, True, False, False]
    assert [row['reachable'] for row in result['statistics']['ntpstats']] == [True, True, False, True]


def test_ipv6(tarsier):
    with server(address='::1') as good:
        assert ask(tarsier, good, host='[::1]')['elements']['iswithindrift']


def test_a_name_that_does_not_resolve(tarsier):
    with server() as good:
        result = tarsier.json('timedrift', '--drift', '1s', '--server', 'nowhere.invalid', '--server',
                              f'127.0.0.1:{good.port}')
    assert result['success'] and result['elements']['iswithindrift']
    assert result['statistics']['ntpstats'][0]['failure'].startswith('nowhere.invalid: ')


@pytest.mark.parametrize('drift, error', [('5', 'time: missing unit in duration "5"'),
                                          ('soon', 'time: invalid duration "soon"')])
def test_errors(tarsier, drift, error):
    assert tarsier.message('timedrift', {'drift': drift})['errors'] == [error]


def test_lines(tarsier):
    with server(offset=3600) as wrong:
        lines = tarsier('timedrift', '--drift', '1m', f'127.0.0.1:{wrong.port}').stdout.splitlines()
    assert lines[0].startswith('local time is 20')
    assert lines[1] == 'local time is out of sync from NTP servers'
    assert lines[2].startswith('Local time is behind ntp host 127.0.0.1 by ')
    assert lines[3].startswith('stat: execution time was ')
    assert re.fullmatch(r'stat: 127\.0\.0\.1 responded in \S+ with time .* \+0000 UTC\. local time drifts by -\S+', lines[4])


# ---- what the host is configured to ask ----

def configured(tarsier, tmp_path, files, before=''):
    """Runs timedrift with these files over /etc, in mount and network namespaces of its own."""
    skip_unless_possible()
    etc = tmp_path / 'etc'
    for name in ('chrony/sources.d', 'chrony/conf.d', 'systemd', 'ntpsec'):
        (etc / name).mkdir(parents=True, exist_ok=True)
    for name in ('ntp.conf', 'chrony/chrony.conf', 'ntpsec/ntp.conf', 'systemd/timesyncd.conf'):
        (etc / name).write_text('')
    for name, text in files.items():
        (etc / name).write_text(text)
    script = (f'mount -t overlay overlay -o lowerdir={etc}:/etc /etc || exit 77\nip link set lo up\n'
              f'{before}exec "$0" timedrift --drift 1s -t 300ms --json\n')
    done = subprocess.run(['unshare', '-mn', 'sh', '-c', script, tarsier.path], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip('needs overlayfs')
    return json.loads(done.stdout)


@pytest.mark.parametrize('files, hosts', [
    ({'ntp.conf': 'driftfile x\nserver 127.0.0.2 iburst\n# server 127.0.0.9\nserver 127.127.1.0\npeer 127.0.0.3\n'},
     [('127.0.0.2', '/etc/ntp.conf'), ('127.0.0.3', '/etc/ntp.conf')]),
    ({'chrony/chrony.conf': 'pool 127.0.0.4 iburst maxsources 4\nsourcedir /etc/chrony/sources.d\n'
                            'confdir /etc/chrony/conf.d\n',
      'chrony/sources.d/b.sources': 'server 127.0.0.6 prefer\n', 'chrony/sources.d/a.sources': 'SERVER 127.0.0.5\n',
      'chrony/sources.d/c.off': 'server 127.0.0.9\n', 'chrony/conf.d/x.conf': 'server 127.0.0.4\n'},
     [('127.0.0.4', '/etc/chrony/chrony.conf'), ('127.0.0.5', '/etc/chrony/sources.d/a.sources'),
      ('127.0.0.6', '/etc/chrony/sources.d/b.sources')]),
    ({'systemd/timesyncd.conf': '[Time]\nNTP=127.0.0.7 127.0.0.8\nFallbackNTP=127.0.0.9\n'},
     [('127.0.0.7', '/etc/systemd/timesyncd.conf'), ('127.0.0.8', '/etc/systemd/timesyncd.conf')]),
    ({'systemd/timesyncd.conf': '[Time]\n#NTP=\nFallbackNTP=127.0.0.9\n'},
     [('127.0.0.9', '/etc/systemd/timesyncd.conf')]),
    ({'ntpsec/ntp.conf': 'server -4 127.0.0.2\n', 'ntp.conf': 'server 127.0.0.2\n'},
     [('127.0.0.2', '/etc/ntp.conf')]),
])
def test_configurations(tarsier, tmp_path, files, hosts, mount_namespace):
    result = configured(tarsier, tmp_path, files)
    assert [(row['host'], row['source']) for row in result['statistics']['ntpstats']] == hosts


def test_no_ntp_conf_is_no_error(tarsier, tmp_path, mount_namespace):
    """MIG's agent says success: false although the drift was measured."""
    program = tmp_path / 'server.py'
    program.write_text(SERVER)
    started = (f'{sys.executable} {program} \'{{"port": 123}}\' > {tmp_path}/port & server=$!\n'
               f'until [ -s {tmp_path}/port ]; do :; done\n')
    skip_unless_possible()
    etc = tmp_path / 'etc' / 'chrony'
    etc.mkdir(parents=True)
    (etc / 'chrony.conf').write_text('server 127.0.0.1\n')
    script = (f'mount -t overlay overlay -o lowerdir={tmp_path}/etc:/etc /etc || exit 77\nip link set lo up\n{started}'
              '"$0" timedrift --drift 1s --json\nkill $server\n')
    done = subprocess.run(['unshare', '-mn', 'sh', '-c', script, tarsier.path], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip('needs overlayfs')
    result = json.loads(done.stdout)
    assert result['success'] and result['errors'] is None and result['elements']['iswithindrift']


def test_nobody_is_asked_who_was_not_named(tarsier, tmp_path, mount_namespace):
    result = configured(tarsier, tmp_path, {})
    assert not result['success'] and 'ntpstats' not in result['statistics']
    assert result['errors'] == ['no time server is configured: name one with --server, or allow public ones with --public']


def test_a_configuration_of_garbage(tarsier, tmp_path, mount_namespace):
    text = 'server\nserver ' + 'x' * 5000 + '\n\0\0\nserver 127.0.0.2 port 0\n' + 'server 127.0.0.3 port 99999\n'
    text += ''.join(f'server 127.1.0.{i}\n' for i in range(1, 100))
    result = configured(tarsier, tmp_path, {'ntp.conf': text})
    assert len(result['statistics']['ntpstats']) == 60
    assert any('were left out' in error for error in result['errors'])
