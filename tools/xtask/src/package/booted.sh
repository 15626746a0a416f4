#!/bin/sh
# Runs in a fresh Debian that systemd has booted, in an emulated machine, as root: what an administrator does with the package, in
# order. Each line `proof: ...` is something that was found true; the last is `proof: passed`, or `proof: FAILED: ...` with the journal.
#
# Two ports with hardware clocks are one cable: phv1 is this machine's, phv0 that of a grandmaster in a namespace of its own. All time here is
# the emulated machine's.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0

unit=synchronome.service
configuration=/etc/synchronome/synchronome.toml
port=/sys/kernel/debug/phcveth/phv1

finish() {
    echo "proof: $*"
    sync
    poweroff --force --force
    sleep infinity
}

expect() {
    what=$1
    shift
    if "$@" >/tmp/said 2>&1; then
        echo "proof: $what"
        return
    fi
    echo "--- $*"
    tail -n 60 /tmp/said
    journalctl --no-pager --quiet --lines 40 --output cat --unit $unit
    systemctl status --no-pager --lines 0 $unit
    finish "FAILED: $what"
}

# until SECONDS COMMAND...: asks again until it is so
until_so() {
    left=$1
    shift
    until "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 1
    done
}

not() { ! "$@"; }
active() { [ "$(systemctl is-active "$1")" = active ]; }
property() { systemctl show --property "$1" --value $unit; }
state() { synchronome status --json 2>/dev/null | tr ',{' '\n' | sed -n 's/^"state":"\([A-Z_]*\)".*/\1/p' | head -n 1; }
locked() { [ "$(state)" = LOCKED ]; }
journal_has() { journalctl --no-pager --quiet --output cat --unit $unit | grep -q "$1"; }

# The clocks at one instant, in ns: how far the card and the system clock are from the grandmaster, the latter by UTC.
right() {
    perl -ane '
        use integer;
        my ($real, $far, $near) = map { (split /\./)[0] } @F[1 .. 3];
        my ($card, $system) = ($near - $far, $real + 37_000_000_000 - $far);
        print "card $card ns, system $system ns\n";
        exit !(abs($card) < 100 && abs($system) < 1_000)' /sys/kernel/debug/phcveth/truth
}

# Each thread as the daemon's user, without new privileges, under a filter; CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13,
# CAP_SYS_NICE 23, CAP_SYS_TIME 25 and no other right; and one of them, not each, has the clock's.
restricted() {
    may_set=0 may_not=0
    while read -r process; do
        for thread in "/proc/$process/task/"*; do
            grep -E '^(Name|Uid|CapPrm|NoNewPrivs|Seccomp):' "$thread/status"
            [ "$(stat --format %U "$thread")" = synchronome ] || return 1
            grep -q '^NoNewPrivs:.1$' "$thread/status" || return 1
            grep -q '^Seccomp:.2$' "$thread/status" || return 1
            held=0x$(sed -n 's/^CapPrm:.//p' "$thread/status")
            [ $((held & ~0x2803400)) = 0 ] || return 1
            if [ $((held & 0x2000000)) = 0 ]; then may_not=$((may_not + 1)); else may_set=$((may_set + 1)); fi
        done
    done <"/sys/fs/cgroup/system.slice/$unit/cgroup.procs"
    [ $may_set = 1 ] && [ $may_not -gt 0 ]
}

# doctor_says PATTERN: among what is not OK
doctor_says() {
    synchronome doctor >/tmp/doctor 2>&1
    cat /tmp/doctor
    grep -v '^\[ OK \]' /tmp/doctor | grep -q "$1"
}

all_is_well() {
    synchronome doctor
    [ $? -le 1 ]
}

replaced() {
    pid=$(property MainPID)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && active $unit
}

expect "systemd has booted it" until_so 30 systemctl is-system-running

# The cable, and the grandmaster at its other end.
expect "there is a card with a clock" insmod /proof/phcveth.ko pairs=1
ip netns add far
ip link set phv0 netns far
ip -n far link set lo up
ip -n far link set phv0 up
ip link set phv1 up
echo 20000 >/sys/kernel/debug/phcveth/phv0/osc_ppb
echo -15000 >$port/osc_ppb
phc_ctl /dev/ptp0 set adj 37 >/dev/null 2>&1
ip netns exec far ptp4l -2 -i phv0 --free_running=1 --clockClass=6 --uds_address=/run/far >/run/far.log 2>&1 &
grandmaster() {
    pmc -u -b 0 -s /run/far "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x20 offsetScaledLogVariance 0x4e5d
        currentUtcOffset 37 leap61 0 leap59 0 currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20" |
        grep -q clockClass
}
serves() { pmc -u -b 0 -s /run/far "GET PORT_DATA_SET" | grep -q MASTER; }
expect "beyond the cable is a grandmaster" until_so 20 grandmaster
expect "which serves" until_so 20 serves
date --set '3 seconds ago' >/dev/null

# Installed.
expect "timesyncd has the clock, as Debian has it" active systemd-timesyncd.service
expect "the package is installed" dpkg --install /proof/synchronome.deb
expect "it starts nothing by itself" not active $unit
udevadm settle
expect "the card's clock is the daemon's to use" [ "$(stat --format %G:%a /dev/ptp1)" = synchronome:660 ]

# Found. The card is idle: to be tried it is told to stamp, and left as it was.
stamping() { hwstamp_ctl -i phv1 | sed -n '/current/,/^[^c]*$/p'; }
before=$(stamping)
self_test() {
    synchronome probe --self-test --for 1s >/tmp/probe
    cat /tmp/probe
    grep -q 'the card stamps 20 of 20' /tmp/probe
}
expect "the card stamps when it is tried" self_test
still() { echo "$before"; stamping; [ -n "$before" ] && [ "$(stamping)" = "$before" ]; }
expect "and is left as it was" still
rm -f $configuration
expect "probe writes a configuration" synchronome probe --write $configuration --for 4s
has_port() { cat $configuration; grep -q '^interface.*phv1' $configuration; }
expect "with that port" has_port

# Started.
expect "it is enabled and started, and the clock waited for" systemctl enable --now $unit synchronome-wait-sync.service
expect "the time is right for whoever waits for it" active time-sync.target
expect "the daemon runs" active $unit
expect "timesyncd does not, by Conflicts=" not active systemd-timesyncd.service
expect "it is LOCKED" until_so 20 locked
expect "as its user, with its rights alone" restricted
sleep 5
expect "card and system clock are right" right
expect "the doctor finds no fault" all_is_well
expect "it is healthy" synchronome health

# Reloaded: the same process.
pid=$(property MainPID)
sed -i 's/^\[clock\]$/&\nlock_limit = "7us"/' $configuration
expect "it takes another configuration" systemctl reload $unit
new_limit() { synchronome status --json | grep -q '"lock_limit_s":7e-6'; }
expect "which is in force" until_so 10 new_limit
expect "in the same process" [ "$(property MainPID)" = "$pid" ]

# Broken.
echo 30000 >$port/txts_delay_us
expect "stamps that come late are named" until_so 40 doctor_says stamps-late
echo 0 >$port/txts_delay_us

kill -STOP "$pid"
expect "a daemon that hangs is started again by the watchdog" until_so 60 replaced "$pid"
expect "and is LOCKED again" until_so 30 locked
pid=$(property MainPID)
kill -KILL "$pid"
expect "so is one that was killed" until_so 10 replaced "$pid"
expect "and is LOCKED again after that" until_so 30 locked

cp $configuration /tmp/good
echo 'lock_limmit = "7us"' >>$configuration
expect "a wrong configuration is refused" not systemctl restart $unit
sleep 5
expect "once, and not time after time" [ "$(property ActiveState)/$(property ExecMainStatus)" = failed/2 ]
expect "with the reason in the journal" journal_has lock_limmit
cp /tmp/good $configuration
expect "with the good one it starts" systemctl start $unit
expect "and is LOCKED" until_so 30 locked

expect "who starts timesyncd" systemctl start systemd-timesyncd.service
expect "has stopped the daemon" until_so 10 not active $unit
expect "who starts the daemon" systemctl start $unit
expect "has stopped timesyncd" until_so 10 not active systemd-timesyncd.service
expect "which is LOCKED again" until_so 30 locked
sleep 5
expect "card and system clock are right after all that" right

# Removed.
pid=$(property MainPID)
expect "the package is removed" dpkg --purge synchronome
expect "the daemon went with it" not [ -e "/proc/$pid" ]
expect "and systemd knows nothing of it" [ "$(systemctl show --property LoadState --value $unit)" = not-found ]
expect "no unit has failed" [ -z "$(systemctl --failed --no-legend)" ]
finish passed
