"""--container_hints: file systems of a group that no engine made."""
import json
import os
import pathlib

import pytest
from metrics_harness import Groups, Metrics, until
from ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def shared_memory():
    mounts = [line.split() for line in pathlib.Path('/proc/1/mountinfo').read_text().splitlines()]
    if not any(fields[4] == '/dev/shm' for fields in mounts):
        pytest.skip('needs a file system at /dev/shm')
    return '/dev/shm'


def test_file_systems_of_a_group(tarsier, tmp_path):
    mounted = shared_memory()
    with Groups('tarsier-hints') as groups:
        path, other = groups.make('web'), groups.make('other')
        file = tmp_path / 'hints.json'
        file.write_text(json.dumps({'all_hosts': [{'full_path': path, 'mounts': [{'host_dir': mounted}, {'host_dir': '/nowhere'}]}]}))
        with Metrics(tarsier, '--container_hints', file, '--housekeeping_interval=200ms') as metrics:
            for name in (path, other):
                metrics.wait_container(name)

            def told():
                return {dict(labels)['id']: dict(labels)['device'] for n, labels in metrics.series()
                        if n == 'container_fs_limit_bytes' and dict(labels)['id'] != '/'}
            until(told, 'its file system')
            assert told() == {path: mounted}
            spec = until(lambda: (s := metrics.json(f'/api/v1.3/containers{path}')['spec'])['has_filesystem'] and s, 'the spec')
            assert spec['has_network'] is False
            assert metrics.json(f'/api/v1.3/containers{other}')['spec']['has_filesystem'] is False


def test_a_bad_file(tarsier, tmp_path):
    file = tmp_path / 'hints.json'
    for text, says in (('{', 'line 1'), ('{"all_hosts": 1}', 'all_hosts: is no list')):
        file.write_text(text)
        done = tarsier('metrics', '--listen_ip=127.0.0.1', f'--port={free_port()}', '--duration=1ms', f'--container_hints={file}')
        assert done.returncode != 0 and f'container_hints: {file}: ' in done.stderr and says in done.stderr, done
    done = tarsier('metrics', '--listen_ip=127.0.0.1', f'--port={free_port()}', '--duration=1ms', '--container_hints=/nowhere')
    assert done.returncode == 0, done.stderr
