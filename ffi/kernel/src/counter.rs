//! The CPU's counter that runs at one rate: what a hypervisor's page of time relates to UTC.
//!
//! | architecture | counter | |
//! |---|---|---|
//! | x86_64 | the time stamp counter | `rdtsc` after `lfence`: not before what comes before it is done (Intel SDM volume 2, RDTSC) |
//! | aarch64 | the virtual counter | `cntvct_el0` after `isb` (Arm ARM D12, CNTVCT_EL0) |
//! | others | none | |
//!
//! The kernel's own clocks are read from the same counter, behind a fence as well (`rdtsc_ordered`, `__arch_get_hw_counter`): so a reading between two of
//! clock_gettime(2) was taken between them.

/// Which counter a CPU has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// x86's time stamp counter.
    Tsc,
    /// ARM's virtual counter.
    ArmVirtual,
}

/// That of the CPUs this program was built for; `None`: none that we know.
pub const OURS: Option<Counter> = if cfg!(target_arch = "x86_64") {
    Some(Counter::Tsc)
} else if cfg!(target_arch = "aarch64") {
    Some(Counter::ArmVirtual)
} else {
    None
};

/// Reads it; `None` where there is none.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn read() -> Option<u64> {
    // SAFETY: every x86_64 has SSE2, and so `lfence`.
    unsafe { core::arch::x86_64::_mm_lfence() };
    // SAFETY: every x86_64 has `rdtsc`; it touches no memory. Where a process may not read it (PR_SET_TSC) it is ended by a signal.
    let ticks = unsafe { core::arch::x86_64::_rdtsc() };
    // SAFETY: as above.
    unsafe { core::arch::x86_64::_mm_lfence() };
    Some(ticks)
}

/// Reads it; `None` where there is none.
#[cfg(target_arch = "aarch64")]
#[inline]
pub fn read() -> Option<u64> {
    let ticks: u64;
    // SAFETY: Linux lets programs read the virtual counter (CNTKCTL_EL1.EL0VCTEN); nothing is written but the register.
    unsafe { core::arch::asm!("isb", "mrs {ticks}, cntvct_el0", "isb", ticks = out(reg) ticks, options(nostack)) };
    Some(ticks)
}

/// Reads it; `None` where there is none.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn read() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_counter_goes_on_at_one_rate_by_the_monotonic_clock() {
        assert_eq!(read().is_some(), OURS.is_some());
        // A reading, and the clock just before and just after.
        let reading = || (Instant::now(), read(), Instant::now());
        let (first, second, third) = {
            let first = reading();
            sleep(Duration::from_millis(20));
            let second = reading();
            sleep(Duration::from_millis(20));
            (first, second, reading())
        };
        // Ticks per second: at least, at most.
        let rate = |from: (Instant, Option<u64>, Instant), to: (Instant, Option<u64>, Instant)| {
            let ticks = (to.1? - from.1?) as f64;
            Some((ticks / (to.2 - from.0).as_secs_f64(), ticks / (to.0 - from.2).as_secs_f64()))
        };
        let Some((one, other)) = rate(first, second).zip(rate(second, third)) else { return };
        assert!(one.0 <= other.1 && other.0 <= one.1, "{one:?} {other:?}");
        assert!(one.1 > 1e6 && one.0 < 2e10, "{one:?}");
    }

    #[test]
    fn readings_one_after_the_other_never_go_back() {
        let readings: Vec<_> = (0..1_000).filter_map(|_| read()).collect();
        assert!(readings.is_sorted());
    }
}
