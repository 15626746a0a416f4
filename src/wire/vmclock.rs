//! The hypervisor's page of time, `struct vmclock_abi` (linux/vmclock-abi.h, Linux 6.13; UAPI.13).
//!
//! | offset | field | |
//! |---|---|---|
//! | 0 | `__le32 magic` | "VCLK" |
//! | 4 | `__le32 size` | of the region that the structure is in |
//! | 8 | `__le16 version` | 1 |
//! | 10 | `__u8 counter_id` | 0: ARM's virtual counter, 1: x86's time stamp counter, 255: none, and no time |
//! | 11 | `__u8 time_type` | 0: UTC, 1: TAI, 2: since an unknown epoch |
//! | 12 | `__le32 seq_count` | odd while the page is written |
//! | 16 | `__le64 disruption_marker` | another value, never used before, when the CPU's counter was disrupted: paused, migrated |
//! | 24 | `__le64 flags` | bit 8: `vm_generation_counter` is kept; bits 1, 2: maintenance in about a day, in about an hour; 0, 3 to 6: what of the time is there |
//! | 34 | `__u8 clock_status` | 0: unknown, 1: initialising, 2: synchronised, 3: running free, 4: unreliable |
//! | 35 | `__u8 leap_second_smearing_hint` | what the clocks around do; the page's own time is never smeared |
//! | 36 | `__le16 tai_offset_sec` | TAI - UTC, signed |
//! | 38 | `__u8 leap_indicator` | 1, 2: inserted, deleted at the end of this month; 3: now; 4, 5: it was |
//! | 39 | `__u8 counter_period_shift` | |
//! | 40 | `__le64 counter_value` | at the reference time |
//! | 48 | `__le64 counter_period_frac_sec` | 2^-(64 + shift) s |
//! | 56, 64 | `__le64 counter_period_{est,max}error_rate_frac_sec` | in the same unit |
//! | 72, 80 | `__le64 time_sec`, `time_frac_sec` | the reference time: seconds, 2^-64 s |
//! | 88, 96 | `__le64 time_{est,max}error_nanosec` | |
//! | 104 | `__le64 vm_generation_counter` | another value when the machine was loaded from a snapshot |
//!
//! Disruptions are read from every page ([`parse`]); the time from one that has it ([`parse_time`]), which the CPU's counter makes the present
//! ([`TimePage::at`]). The specification gives bit 7 to the generation, the header of Linux bit 8: the header counts, which all that have it follow.

mod time;

pub use time::{CounterId, NoTime, Smearing, Status, TimePage, Told, parse_time};

/// What there is to read.
pub const SIZE: usize = 112;
/// What has to be read to know whether the page was written.
pub const SEQUENCE_END: usize = 16;

/// "VCLK".
const MAGIC: u32 = 0x4b4c_4356;
const VERSION: u16 = 1;
/// Up to the flags: what each version of the page has.
const SIZE_MIN: usize = 32;
const SEQUENCE: usize = 12;
const GENERATION: usize = 104;
const HAS_GENERATION: u64 = 1 << 8;
const DISRUPTION_SOON: u64 = 1 << 1;
const DISRUPTION_IMMINENT: u64 = 1 << 2;

/// What the page says of disruptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Changes when the counter is disrupted.
    pub disruption_marker: u64,
    /// Changes when the machine is loaded from a snapshot; `None`: this hypervisor does not say.
    pub vm_generation: Option<u64>,
    /// A disruption is to be expected within a day or so.
    pub is_disruption_soon: bool,
}

/// Why there is nothing to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseError {
    /// Too few octets.
    Length,
    /// It does not begin with "VCLK".
    Magic,
    /// Another version than 1.
    Version(u16),
    /// The hypervisor is writing it: the next look finds it whole.
    Torn,
}

/// An `N`-octet integer at `offset`.
fn field<const N: usize>(octets: &[u8], offset: usize) -> Result<[u8; N], ParseError> {
    octets.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(ParseError::Length)
}

/// The number that is another one when the page was written; odd meanwhile.
pub fn sequence(octets: &[u8]) -> Option<u32> {
    field(octets, SEQUENCE).ok().map(u32::from_le_bytes)
}

/// One copy of the page, made by read(2), which gives the page as it was between two writes where the device can.
///
/// # Errors
/// [`ParseError`].
pub fn parse(octets: &[u8]) -> Result<Page, ParseError> {
    if octets.len() < SIZE_MIN {
        return Err(ParseError::Length);
    }
    if u32::from_le_bytes(field(octets, 0)?) != MAGIC {
        return Err(ParseError::Magic);
    }
    let version = u16::from_le_bytes(field(octets, 8)?);
    if version != VERSION {
        return Err(ParseError::Version(version));
    }
    if !u32::from_le_bytes(field(octets, SEQUENCE)?).is_multiple_of(2) {
        return Err(ParseError::Torn);
    }
    let flags = u64::from_le_bytes(field(octets, 24)?);
    // A page of before there were generations ends earlier.
    let vm_generation = if flags & HAS_GENERATION == 0 { None } else { field(octets, GENERATION).ok() };
    Ok(Page {
        disruption_marker: u64::from_le_bytes(field(octets, 16)?),
        vm_generation: vm_generation.map(u64::from_le_bytes),
        is_disruption_soon: flags & (DISRUPTION_SOON | DISRUPTION_IMMINENT) != 0,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::time::tests::Fields;
    use super::*;

    /// A page as a hypervisor writes it.
    pub(crate) fn page(marker: u64, generation: Option<u64>) -> [u8; SIZE] {
        let mut octets = [0; SIZE];
        let mut put = |offset: usize, bytes: &[u8]| octets[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0, b"VCLK");
        put(4, &4_096_u32.to_le_bytes());
        put(8, &1_u16.to_le_bytes());
        put(10, &[1, 0]);
        put(12, &8_u32.to_le_bytes());
        put(16, &marker.to_le_bytes());
        put(24, &(if generation.is_some() { HAS_GENERATION } else { 0 }).to_le_bytes());
        put(GENERATION, &generation.unwrap_or(77).to_le_bytes());
        octets
    }

    #[test]
    fn the_marker_and_the_generation_are_at_the_headers_offsets() {
        let wanted =
            Page { disruption_marker: 0x0102_0304_0506_0708, vm_generation: Some(9), is_disruption_soon: false };
        assert_eq!(parse(&page(0x0102_0304_0506_0708, Some(9))), Ok(wanted));
        assert_eq!(parse(&page(5, None)).unwrap().vm_generation, None, "without its flag it is not a generation");
        let mut soon = page(5, None);
        soon[24] = DISRUPTION_IMMINENT as u8;
        assert!(parse(&soon).unwrap().is_disruption_soon);
    }

    #[test]
    fn a_page_that_is_being_written_is_torn_and_another_version_or_magic_is_not_ours() {
        let with = |offset: usize, value: u8| {
            let mut octets = page(1, None);
            octets[offset] = value;
            parse(&octets)
        };
        assert_eq!(with(12, 9), Err(ParseError::Torn));
        assert_eq!(with(0, b'v'), Err(ParseError::Magic));
        assert_eq!(with(8, 2), Err(ParseError::Version(2)));
    }

    #[test]
    fn a_short_page_is_no_page_and_one_without_generations_is() {
        let octets = page(3, Some(4));
        for length in 0..SIZE {
            let parsed = parse(&octets[..length]);
            if length < SIZE_MIN {
                assert_eq!(parsed, Err(ParseError::Length), "{length} octets");
            } else {
                assert_eq!(parsed.map(|page| (page.disruption_marker, page.vm_generation)), Ok((3, None)));
            }
        }
    }
}
