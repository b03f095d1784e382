"""Every flag of cAdvisor 0.56 in every form that Go's package flag reads: taken, or refused with a reason."""
import concurrent.futures
import os

import pytest
from ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

TRUTHS = """allow_dynamic_housekeeping disable_root_cgroup_stats docker-tls docker_only enable_load_reader log_cadvisor_usage
profiling storage_driver_es_enable_sniffer storage_driver_kafka_ssl_verify store_container_labels logtostderr
alsologtostderr add_dir_header one_output skip_headers skip_log_headers""".split()
NUMBERS = """application_metrics_count_limit initial_splay_factor jitter_factor max_procs referenced_reset_interval v
log_file_max_size""".split()
DURATIONS = """crio_client_timeout global_housekeeping_interval housekeeping_interval resctrl_interval
storage_driver_buffer_duration storage_duration update_machine_info_interval""".split()
TEXTS = """boot_id_file bq_account bq_credentials_file bq_id bq_project_id bq_secret collector_cert collector_key container_hints
containerd-namespace containerd_env_metadata_whitelist containerd docker-tls-ca docker-tls-cert docker-tls-key
docker_env_metadata_whitelist docker_root docker env_metadata_whitelist http_auth_realm http_digest_realm machine_id_file
podman raw_cgroup_prefix_whitelist storage_driver_db storage_driver_es_host storage_driver_es_index storage_driver_es_type
storage_driver_host storage_driver_influxdb_retention_policy storage_driver_kafka_broker_list storage_driver_kafka_ssl_ca
storage_driver_kafka_ssl_cert storage_driver_kafka_ssl_key storage_driver_kafka_topic storage_driver_password
storage_driver_table storage_driver_user whitelisted_container_labels stderrthreshold vmodule log_dir log_file
log_backtrace_at""".split()
OTHERS = {'disable_metrics': 'cpu,tcp', 'enable_metrics': 'cpu,memory', 'event_storage_age_limit': 'default=1h,oom=2h',
          'event_storage_event_limit': 'default=10,creation=5', 'max_housekeeping_interval': '20s', 'prometheus_endpoint': '/m',
          'url_base_prefix': '/x', 'storage_driver': 'stdout'}
REFUSED = {'http_auth_file': ('a', 'there is no password here'), 'http_digest_file': ('a', 'there is no password here'),
           'perf_events_config': ('a', 'perf events are not read'), 'storage_driver_secure': ('true', 'there is no TLS here'),
           'storage_driver': ('kafka', 'is none of influxdb, statsd, stdout'), 'enable_metrics': ('x', 'unsupported metric "x"'),
           'disable_metrics': ('x', 'unsupported metric "x"'), 'event_storage_age_limit': ('x', 'is not KIND=VALUE')}


def forms(name, value):
    for dash in ('-', '--'):
        yield [f'{dash}{name}={value}']
        if name not in TRUTHS and value not in ('true', 'false'):
            yield [f'{dash}{name}', value]


def run_all(tarsier, words):
    def one(flags):
        return tarsier('metrics', '-listen_ip=127.0.0.1', f'-port={free_port()}', '--duration=1ms', *flags)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(zip(words, pool.map(one, words)))


def test_what_is_taken(tarsier):
    values = {**dict.fromkeys(TRUTHS, 'false'), **dict.fromkeys(NUMBERS, '1'), **dict.fromkeys(DURATIONS, '10s'),
              **dict.fromkeys(TEXTS, 'x'), **OTHERS}
    words = [form for name, value in values.items() for form in forms(name, value)]
    words += [[f'{dash}{name}'] for name in TRUTHS for dash in ('-', '--')]
    words += [[f'--{name}='] for name in ('http_auth_file', 'http_digest_file', 'perf_events_config')]  # as without it
    failed = [(flags, done.stderr) for flags, done in run_all(tarsier, words) if done.returncode != 0]
    assert not failed


def test_what_is_refused(tarsier):
    says = {tuple(form): text for name, (value, text) in REFUSED.items() for form in forms(name, value)}
    for flags, done in run_all(tarsier, [list(form) for form in says]):
        assert done.returncode != 0 and says[tuple(flags)] in done.stderr, (flags, done.returncode, done.stderr)


def test_version(tarsier):
    for flag in ('-version', '--version', '-version=true'):
        done = tarsier('metrics', flag)
        assert done.returncode == 0 and done.stdout.startswith("cAdvisor's API by Tarsier version "), done
