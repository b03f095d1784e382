/* What memory.stat looks like: texts that the tests of the control group readers share. */
#pragma once

static const char memory_stat_v1[] =
        "cache 100\nrss 200\nrss_huge 0\nshmem 8\nmapped_file 30\ndirty 4\nwriteback 5\nworkingset_refault_anon 6\n"
        "workingset_refault_file 7\nswap 9\nswapcached 0\npgpgin 1\npgpgout 1\npgfault 10\npgmajfault 11\n"
        "inactive_anon 12\nactive_anon 13\ninactive_file 14\nactive_file 15\nunevictable 0\n"
        "hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n"
        "total_cache 1100\ntotal_rss 1200\ntotal_rss_huge 0\ntotal_shmem 8\ntotal_mapped_file 1030\ntotal_dirty 1004\n"
        "total_writeback 1005\ntotal_workingset_refault_anon 1006\ntotal_workingset_refault_file 1007\n"
        "total_swap 1009\ntotal_pgfault 1010\ntotal_pgmajfault 1011\ntotal_inactive_anon 1012\n"
        "total_active_anon 1013\ntotal_inactive_file 1014\ntotal_active_file 1015\ntotal_unevictable 0\n";

static const char memory_stat_v2[] =
        "anon 4096\nfile 8192\nkernel 777\nkernel_stack 16384\npagetables 10\nsec_pagetables 0\npercpu 20\nsock 0\n"
        "vmalloc 5\nshmem 0\nzswap 0\nfile_mapped 300\nfile_dirty 40\nfile_writeback 50\nswapcached 0\nanon_thp 0\n"
        "inactive_anon 12\nactive_anon 13\ninactive_file 1014\nactive_file 15\nunevictable 0\nslab_reclaimable 1\n"
        "slab_unreclaimable 2\nslab 3\nworkingset_refault_anon 6\nworkingset_refault_file 7\npgscan 8\npgsteal 9\n"
        "pgscan_kswapd 80\npgsteal_kswapd 90\npgfault 10\npgmajfault 11\npgrefill 0\n";
