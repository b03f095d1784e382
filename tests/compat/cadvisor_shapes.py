"""The shapes of cAdvisor's answers (its HEAD of 2026), one line a Go struct: key, '?' for omitempty, type. check() holds a
value against one: every key is there that Go would write, none is there that Go would not, and each has its type."""
import re

TEXT = """
CpuSpec: limit uint64, max_limit uint64, mask? string, quota? uint64, period? uint64
MemorySpec: limit? uint64, reservation? uint64, swap_limit? uint64
ProcessSpec: limit? uint64
ContainerSpec: creation_time? Time, start_time? Time, labels? map[string]string, envs? map[string]string, has_cpu
    bool, cpu? CpuSpec, has_memory bool, memory? MemorySpec, has_hugetlb bool, has_network bool, has_processes bool,
    processes? ProcessSpec, has_filesystem bool, has_diskio bool, has_custom_metrics bool, custom_metrics?
    []MetricSpec, image? string
ContainerReference: id? string, name string, aliases? []string, namespace? string
ContainerInfo: +ContainerReference, subcontainers? []ContainerReference, spec? ContainerSpec, stats? []*ContainerStats
PSIStats: full? PSIData, some? PSIData
PSIData: total uint64, avg10 float64, avg60 float64, avg300 float64
LoadStats: nr_sleeping uint64, nr_running uint64, nr_stopped uint64, nr_uninterruptible uint64, nr_io_wait uint64
CpuUsage: total uint64, per_cpu_usage? []uint64, user uint64, system uint64
CpuCFS: periods uint64, throttled_periods uint64, throttled_time uint64, bursts_periods uint64, burst_time uint64
CpuSchedstat: run_time uint64, runqueue_time uint64, run_periods uint64
CpuStats: usage CpuUsage, cfs CpuCFS, schedstat CpuSchedstat, load_average int32, load_d_average int32, psi PSIStats
PerDiskStats: device string, major uint64, minor uint64, stats map[string]uint64
DiskIoStats: io_service_bytes? []PerDiskStats, io_serviced? []PerDiskStats, io_queued? []PerDiskStats, sectors?
    []PerDiskStats, io_service_time? []PerDiskStats, io_wait_time? []PerDiskStats, io_merged? []PerDiskStats, io_time?
    []PerDiskStats, io_cost_usage? []PerDiskStats, io_cost_wait? []PerDiskStats, io_cost_indebt? []PerDiskStats,
    io_cost_indelay? []PerDiskStats, psi PSIStats
HugetlbStats: usage? uint64, max_usage? uint64, failcnt uint64
MemoryStats: usage uint64, max_usage uint64, cache uint64, rss uint64, swap uint64, mapped_file uint64, working_set
    uint64, total_active_file uint64, total_inactive_file uint64, file_dirty uint64, file_writeback uint64, pgscan
    uint64, pgsteal uint64, workingset_refault_file uint64, workingset_refault_anon uint64, failcnt uint64, kernel
    uint64, container_data? MemoryStatsMemoryData, hierarchical_data? MemoryStatsMemoryData, psi PSIStats, events?
    MemoryEvents
MemoryEvents: high uint64, max uint64
CPUSetStats: memory_migrate uint64
MemoryNumaStats: file? map[uint8]uint64, anon? map[uint8]uint64, unevictable? map[uint8]uint64
MemoryStatsMemoryData: pgfault uint64, pgmajfault uint64, numa_stats? MemoryNumaStats
InterfaceStats: name string, rx_bytes uint64, rx_packets uint64, rx_errors uint64, rx_dropped uint64, tx_bytes uint64,
    tx_packets uint64, tx_errors uint64, tx_dropped uint64
NetworkStats: +InterfaceStats, interfaces? []InterfaceStats, tcp TcpStat, tcp6 TcpStat, udp UdpStat, udp6 UdpStat,
    tcp_advanced TcpAdvancedStat
TcpStat: Established uint64, SynSent uint64, SynRecv uint64, FinWait1 uint64, FinWait2 uint64, TimeWait uint64, Close
    uint64, CloseWait uint64, LastAck uint64, Listen uint64, Closing uint64
TcpAdvancedStat: RtoAlgorithm uint64, RtoMin uint64, RtoMax uint64, MaxConn int64, ActiveOpens uint64, PassiveOpens
    uint64, AttemptFails uint64, EstabResets uint64, CurrEstab uint64, InSegs uint64, OutSegs uint64, RetransSegs
    uint64, InErrs uint64, OutRsts uint64, InCsumErrors uint64, EmbryonicRsts uint64, SyncookiesSent uint64,
    SyncookiesRecv uint64, SyncookiesFailed uint64, PruneCalled uint64, RcvPruned uint64, OfoPruned uint64,
    OutOfWindowIcmps uint64, LockDroppedIcmps uint64, TW uint64, TWRecycled uint64, TWKilled uint64,
    TCPTimeWaitOverflow uint64, TCPTimeouts uint64, TCPSpuriousRTOs uint64, TCPLossProbes uint64, TCPLossProbeRecovery
    uint64, TCPRenoRecoveryFail uint64, TCPSackRecoveryFail uint64, TCPRenoFailures uint64, TCPSackFailures uint64,
    TCPLossFailures uint64, DelayedACKs uint64, DelayedACKLocked uint64, DelayedACKLost uint64, ListenOverflows
    uint64, ListenDrops uint64, TCPHPHits uint64, TCPPureAcks uint64, TCPHPAcks uint64, TCPRenoRecovery uint64,
    TCPSackRecovery uint64, TCPSACKReneging uint64, TCPFACKReorder uint64, TCPSACKReorder uint64, TCPRenoReorder
    uint64, TCPTSReorder uint64, TCPFullUndo uint64, TCPPartialUndo uint64, TCPDSACKUndo uint64, TCPLossUndo uint64,
    TCPFastRetrans uint64, TCPSlowStartRetrans uint64, TCPLostRetransmit uint64, TCPRetransFail uint64,
    TCPRcvCollapsed uint64, TCPDSACKOldSent uint64, TCPDSACKOfoSent uint64, TCPDSACKRecv uint64, TCPDSACKOfoRecv
    uint64, TCPAbortOnData uint64, TCPAbortOnClose uint64, TCPAbortOnMemory uint64, TCPAbortOnTimeout uint64,
    TCPAbortOnLinger uint64, TCPAbortFailed uint64, TCPMemoryPressures uint64, TCPMemoryPressuresChrono uint64,
    TCPSACKDiscard uint64, TCPDSACKIgnoredOld uint64, TCPDSACKIgnoredNoUndo uint64, TCPMD5NotFound uint64,
    TCPMD5Unexpected uint64, TCPMD5Failure uint64, TCPSackShifted uint64, TCPSackMerged uint64, TCPSackShiftFallback
    uint64, TCPBacklogDrop uint64, PFMemallocDrop uint64, TCPMinTTLDrop uint64, TCPDeferAcceptDrop uint64,
    IPReversePathFilter uint64, TCPReqQFullDoCookies uint64, TCPReqQFullDrop uint64, TCPFastOpenActive uint64,
    TCPFastOpenActiveFail uint64, TCPFastOpenPassive uint64, TCPFastOpenPassiveFail uint64, TCPFastOpenListenOverflow
    uint64, TCPFastOpenCookieReqd uint64, TCPSynRetrans uint64, TCPOrigDataSent uint64, PAWSActive uint64, PAWSEstab
    uint64
UdpStat: Listen uint64, Dropped uint64, RxQueued uint64, TxQueued uint64
FsStats: device? string, type string, capacity uint64, usage uint64, base_usage uint64, available uint64, has_inodes
    bool, inodes uint64, inodes_free uint64, reads_completed uint64, reads_merged uint64, sectors_read uint64,
    read_time uint64, writes_completed uint64, writes_merged uint64, sectors_written uint64, write_time uint64,
    io_in_progress uint64, io_time uint64, weighted_io_time uint64
AcceleratorStats: make string, model string, id string, memory_total uint64, memory_used uint64, duty_cycle uint64
PerfStat: +PerfValue, cpu int
PerfValue: scaling_ratio float64, value uint64, name string
MemoryBandwidthStats: mbm_total_bytes? uint64, mbm_local_bytes? uint64
CacheStats: llc_occupancy? uint64
ResctrlStats: memory_bandwidth? []MemoryBandwidthStats, cache? []CacheStats
PerfUncoreStat: +PerfValue, socket int, pmu string
UlimitSpec: name string, soft_limit int64, hard_limit int64
ProcessStats: process_count uint64, fd_count uint64, socket_count uint64, threads_current? uint64, threads_max?
    uint64, ulimits? []UlimitSpec
Health: status string
ContainerStats: timestamp Time, cpu? *CpuStats, cpu_inst? *CpuInstStats, diskio? *DiskIoStats, memory? *MemoryStats,
    hugetlb? map[string]HugetlbStats, network? *NetworkStats, filesystem? []FsStats, task_stats? LoadStats,
    accelerators? []AcceleratorStats, processes? *ProcessStats, custom_metrics? map[string][]MetricVal, perf_stats?
    []PerfStat, perf_uncore_stats? []PerfUncoreStat, referenced_memory? uint64, resctrl? ResctrlStats, cpuset?
    CPUSetStats, oom_events? uint64, health? Health
Event: container_name string, timestamp Time, event_type EventType, event_data? EventData
EventData: oom? *OomKillEventData, container_deletion? *ContainerDeletionEventData
OomKillEventData: pid int, process_name string, constraint string
ContainerDeletionEventData: exit_code int
FilesystemInfo: device string, capacity uint64, type string, inodes uint64, has_inodes bool
Node: node_id int, memory uint64, hugepages []HugePagesInfo, cores []Core, caches []Cache, distances []uint64
Core: core_id int, thread_ids []int, caches []Cache, uncore_caches []Cache, socket_id int, book_id? string, drawer_id?
    string
Cache: id int, size uint64, type string, level int
HugePagesInfo: page_size uint64, num_pages uint64
DiskInfo: name string, major uint64, minor uint64, size uint64, scheduler string
NetInfo: name string, mac_address string, speed int64, mtu int64
MachineInfo: timestamp Time, vendor_id string, num_cores int, num_physical_cores int, num_sockets int, num_books? int,
    num_drawers? int, cpu_frequency_khz uint64, memory_capacity uint64, swap_capacity uint64, memory_by_type
    map[string]*MemoryInfo, nvm NVMInfo, hugepages []HugePagesInfo, machine_id string, system_uuid string, boot_id
    string, filesystems []FilesystemInfo, disk_map map[string]DiskInfo, network_devices []NetInfo, topology []Node,
    cloud_provider CloudProvider, instance_type InstanceType, instance_id InstanceID
MemoryInfo: capacity uint64, dimm_count uint
NVMInfo: memory_mode_capacity uint64, app direct_mode_capacity uint64, avg_power_budget uint
ProcessInfo: user string, pid int, parent_pid int, start_time string, percent_cpu float32, percent_mem float32, rss
    uint64, virtual_size uint64, status string, running_time string, cgroup_path string, cmd string, fd_count int, psr
    int
Percentiles: present bool, mean uint64, std uint64, max uint64, fifty uint64, ninety uint64, ninetyfive uint64, count
    uint64
Usage: percent_complete int32, cpu Percentiles, memory Percentiles
InstantUsage: cpu uint64, memory uint64
DerivedStats: timestamp Time, latest_usage InstantUsage, minute_usage Usage, hour_usage Usage, day_usage Usage
MetricSpec: name string, type MetricType, format DataType, units string
MetricValBasic: timestamp Time, int_value? int64, float_value? float64
MetricVal: label? string, labels? map[string]string, timestamp Time, int_value? int64, float_value? float64
v2.CpuSpec: limit uint64, max_limit uint64, mask? string, quota? uint64, period? uint64
v2.MemorySpec: limit? uint64, reservation? uint64, swap_limit? uint64
v2.ContainerInfo: spec? ContainerSpec, stats? []*ContainerStats
v2.ContainerSpec: creation_time? Time, start_time? Time, aliases? []string, namespace? string, labels?
    map[string]string, envs? map[string]string, has_cpu bool, cpu? CpuSpec, has_memory bool, memory? MemorySpec,
    has_hugetlb bool, has_custom_metrics bool, custom_metrics? []MetricSpec, has_processes bool, processes?
    ProcessSpec, has_network bool, has_filesystem bool, has_diskio bool, image? string
v2.DeprecatedContainerStats: timestamp Time, has_cpu bool, cpu? CpuStats, cpu_inst? *CpuInstStats, has_diskio bool,
    diskio? DiskIoStats, has_memory bool, memory? MemoryStats, has_hugetlb bool, hugetlb? map[string]HugetlbStats,
    has_network bool, network? NetworkStats, has_processes bool, processes? ProcessStats, has_filesystem bool,
    filesystem? []FsStats, has_load bool, load_stats? LoadStats, has_custom_metrics bool, custom_metrics?
    map[string][]MetricVal, perf_stats? []PerfStat, perf_uncore_stats? []PerfUncoreStat, referenced_memory? uint64,
    resctrl? ResctrlStats
v2.ContainerStats: timestamp Time, cpu? *CpuStats, cpu_inst? *CpuInstStats, diskio? *DiskIoStats, memory?
    *MemoryStats, hugetlb? *map[string]HugetlbStats, network? *NetworkStats, processes? *ProcessStats, filesystem?
    *FilesystemStats, load_stats? *LoadStats, accelerators? []AcceleratorStats, custom_metrics?
    map[string][]MetricVal, perf_stats? []PerfStat, perf_uncore_stats? []PerfUncoreStat, referenced_memory? uint64,
    resctrl? ResctrlStats
v2.TcpStat: Established uint64, SynSent uint64, SynRecv uint64, FinWait1 uint64, FinWait2 uint64, TimeWait uint64,
    Close uint64, CloseWait uint64, LastAck uint64, Listen uint64, Closing uint64
v2.NetworkStats: interfaces? []InterfaceStats, tcp TcpStat, tcp6 TcpStat, udp UdpStat, udp6 UdpStat, tcp_advanced
    TcpAdvancedStat
v2.CpuInstStats: usage CpuInstUsage
v2.CpuInstUsage: total uint64, per_cpu_usage? []uint64, user uint64, system uint64
v2.FilesystemStats: totalUsageBytes? *uint64, baseUsageBytes? *uint64, containter_inode_usage? *uint64
v2.Attributes: kernel_version string, container_os_version string, docker_version string, docker_api_version string,
    cadvisor_version string, num_cores int, cpu_frequency_khz uint64, memory_capacity uint64, machine_id string,
    system_uuid string, hugepages []HugePagesInfo, filesystems []FsInfo, disk_map map[string]DiskInfo, network_devices
    []NetInfo, topology []Node, cloud_provider CloudProvider, instance_type InstanceType
v2.MachineStats: timestamp Time, cpu? *CpuStats, cpu_inst? *CpuInstStats, memory? *MemoryStats, network?
    *NetworkStats, filesystem? []MachineFsStats, load_stats? *LoadStats
v2.MachineFsStats: device string, type string, capacity? *uint64, usage? *uint64, available? *uint64, inodes_free?
    *uint64, inline DiskStats
v2.DiskStats: reads_completed? *uint64, reads_merged? *uint64, sectors_read? *uint64, read_duration? *Duration,
    writes_completed? *uint64, writes_merged? *uint64, sectors_written? *uint64, write_duration? *Duration,
    io_in_progress? *uint64, io_duration? *Duration, weighted_io_duration? *Duration
"""
# v2's FsInfo: two keys only of a file system that has inodes. MemoryStats: newer than the list above.
MORE = """
Storage: timestamp Time, device string, mountpoint string, capacity uint64, available uint64, usage uint64,
    labels []string, inodes? *uint64, inodes_free? *uint64
StatsOf: spec v2.ContainerSpec, stats? []*v2.ContainerStats
"""
NEWER = {"MemoryStats": {"total_active_anon": "uint64", "total_inactive_anon": "uint64"}}
ALIASES = {"FsInfo": "FilesystemInfo", "CloudProvider": "string", "InstanceType": "string", "InstanceID": "string",
           "EventType": "string", "Duration": "int64", "uint": "uint64", "int": "int64", "int32": "int64",
           "MetricType": "string", "DataType": "string", "float32": "float64"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)")


def parse(text):
    bodies = dict(re.findall(r"^([\w.]+): (.*)$", re.sub(r"\n    ", " ", text), re.M))

    def fields_of(name):
        fields = {}
        for field in bodies[name].split(", "):
            if field.startswith("+"):  # embedded
                fields.update(fields_of(field[1:]))
                continue
            key, kind = field.rsplit(" ", 1)
            fields[key.rstrip("?")] = (kind, key.endswith("?"))
        return fields
    shapes = {name: fields_of(name) for name in bodies}
    for name, more in NEWER.items():
        shapes[name].update({key: (kind, True) for key, kind in more.items()})
    return shapes


SHAPES = parse(TEXT + MORE)


def find(kind, v2):
    for name in (["v2." + kind, kind] if v2 else [kind, "v2." + kind]):
        if name in SHAPES:
            return name
    return None


def check(value, kind, path="", seen=None, v2=False):
    """Fails with the path of the first difference. seen: a set that gets every "Struct.key" that was there."""
    seen = set() if seen is None else seen
    kind = ALIASES.get(kind.lstrip("*"), kind.lstrip("*"))
    if kind.startswith("[]"):
        assert value is None or isinstance(value, list), f"{path}: no list: {value!r}"
        for i, item in enumerate(value or []):
            check(item, kind[2:], f"{path}[{i}]", seen, v2)
    elif kind.startswith("map["):
        assert isinstance(value, dict), f"{path}: no map: {value!r}"
        assert list(value) == sorted(value, key=lambda key: key.encode()), f"{path}: keys are not sorted"
        for key, item in value.items():
            check(item, kind.split("]", 1)[1], f"{path}.{key}", seen, v2)
    elif kind in ("string", "Time"):
        assert isinstance(value, str), f"{path}: no text: {value!r}"
        assert kind == "string" or TIME.fullmatch(value), f"{path}: no time: {value}"
    elif kind == "bool":
        assert isinstance(value, bool), f"{path}: no boolean: {value!r}"
    elif kind in ("uint64", "int64", "float64"):
        assert isinstance(value, (int, float) if kind == "float64" else int), f"{path}: no number: {value!r}"
        assert not isinstance(value, bool) and (kind != "uint64" or 0 <= value < 1 << 64), f"{path}: {value!r}"
    else:
        check_struct(value, kind, path, seen, v2)
    return seen


def check_struct(value, kind, path, seen, v2):
    v2 = v2 or kind.startswith("v2.")
    name = find(kind.removeprefix("v2."), v2)
    assert name, f"{path}: no shape {kind}"
    fields = SHAPES[name]
    assert isinstance(value, dict), f"{path}: no object: {value!r}"
    unknown = set(value) - set(fields)
    assert not unknown, f"{path}: {name} has no {unknown}"
    order = [key for key in fields if key in value]
    missing = []
    for key, (field_kind, omit) in fields.items():
        bare = field_kind.lstrip("*")
        # omitempty leaves out pointers, texts, numbers, lists and maps, but no struct and no time
        always = not field_kind.startswith("*") and (bare == "Time" or find(bare.removeprefix("v2."), v2))
        optional = omit and not always or name in NEWER and key in NEWER[name]
        if key not in value:
            missing += [] if optional else [key]
            continue
        seen.add(f"{name}.{key}")
        check(value[key], field_kind, f"{path}.{key}", seen, v2)
    assert not missing, f"{path}: {name} lacks {missing}"
    if name not in NEWER:
        assert list(value) == order, f"{path}: keys of {name} in another order: {list(value)}"
