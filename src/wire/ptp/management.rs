//! MANAGEMENT and MANAGEMENT_ERROR_STATUS: what a management message asks for, sets, or answers (IEEE 1588-2019 15.5).

use super::TlvError;
use super::dataset::ManagementData;
use super::text::{PtpText, even, padded};
use crate::wire::octets::{Reader, Writer};

/// managementId (IEEE 1588-2019 15.5.2.3, table 59; from 0xC000 those that linuxptp has added).
#[doc(alias = "managementId")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ManagementId(pub u16);

/// Writes the numbers, their names and the list of both from one table.
macro_rules! ids {
    ($($name:ident = $number:literal,)*) => {
        impl ManagementId {
            $(
                #[doc = concat!("`", stringify!($number), "`")]
                pub const $name: Self = Self($number);
            )*

            /// The standard's name, or linuxptp's.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

ids! {
    NULL_PTP_MANAGEMENT = 0x0000,
    CLOCK_DESCRIPTION = 0x0001,
    USER_DESCRIPTION = 0x0002,
    SAVE_IN_NON_VOLATILE_STORAGE = 0x0003,
    RESET_NON_VOLATILE_STORAGE = 0x0004,
    INITIALIZE = 0x0005,
    FAULT_LOG = 0x0006,
    FAULT_LOG_RESET = 0x0007,
    DEFAULT_DATA_SET = 0x2000,
    CURRENT_DATA_SET = 0x2001,
    PARENT_DATA_SET = 0x2002,
    TIME_PROPERTIES_DATA_SET = 0x2003,
    PORT_DATA_SET = 0x2004,
    PRIORITY1 = 0x2005,
    PRIORITY2 = 0x2006,
    DOMAIN = 0x2007,
    SLAVE_ONLY = 0x2008,
    LOG_ANNOUNCE_INTERVAL = 0x2009,
    ANNOUNCE_RECEIPT_TIMEOUT = 0x200a,
    LOG_SYNC_INTERVAL = 0x200b,
    VERSION_NUMBER = 0x200c,
    ENABLE_PORT = 0x200d,
    DISABLE_PORT = 0x200e,
    TIME = 0x200f,
    CLOCK_ACCURACY = 0x2010,
    UTC_PROPERTIES = 0x2011,
    TRACEABILITY_PROPERTIES = 0x2012,
    TIMESCALE_PROPERTIES = 0x2013,
    UNICAST_NEGOTIATION_ENABLE = 0x2014,
    PATH_TRACE_LIST = 0x2015,
    PATH_TRACE_ENABLE = 0x2016,
    GRANDMASTER_CLUSTER_TABLE = 0x2017,
    UNICAST_MASTER_TABLE = 0x2018,
    UNICAST_MASTER_MAX_TABLE_SIZE = 0x2019,
    ACCEPTABLE_MASTER_TABLE = 0x201a,
    ACCEPTABLE_MASTER_TABLE_ENABLED = 0x201b,
    ACCEPTABLE_MASTER_MAX_TABLE_SIZE = 0x201c,
    ALTERNATE_MASTER = 0x201d,
    ALTERNATE_TIME_OFFSET_ENABLE = 0x201e,
    ALTERNATE_TIME_OFFSET_NAME = 0x201f,
    ALTERNATE_TIME_OFFSET_MAX_KEY = 0x2020,
    ALTERNATE_TIME_OFFSET_PROPERTIES = 0x2021,
    EXTERNAL_PORT_CONFIGURATION_ENABLED = 0x3000,
    MASTER_ONLY = 0x3001,
    HOLDOVER_UPGRADE_ENABLE = 0x3002,
    EXT_PORT_CONFIG_PORT_DATA_SET = 0x3003,
    TRANSPARENT_CLOCK_DEFAULT_DATA_SET = 0x4000,
    TRANSPARENT_CLOCK_PORT_DATA_SET = 0x4001,
    PRIMARY_DOMAIN = 0x4002,
    DELAY_MECHANISM = 0x6000,
    LOG_MIN_PDELAY_REQ_INTERVAL = 0x6001,
    TIME_STATUS_NP = 0xc000,
    GRANDMASTER_SETTINGS_NP = 0xc001,
    PORT_DATA_SET_NP = 0xc002,
    SUBSCRIBE_EVENTS_NP = 0xc003,
    PORT_PROPERTIES_NP = 0xc004,
    PORT_STATS_NP = 0xc005,
    SYNCHRONIZATION_UNCERTAIN_NP = 0xc006,
    PORT_SERVICE_STATS_NP = 0xc007,
    UNICAST_MASTER_TABLE_NP = 0xc008,
    PORT_HWCLOCK_NP = 0xc009,
    POWER_PROFILE_SETTINGS_NP = 0xc00a,
    CMLDS_INFO_NP = 0xc00b,
    PORT_CORRECTIONS_NP = 0xc00c,
    EXTERNAL_GRANDMASTER_PROPERTIES_NP = 0xc00d,
}

/// The value of a MANAGEMENT TLV (15.5.2, table 58).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManagementTlv<'a> {
    /// What it is about.
    pub management_id: ManagementId,
    /// Empty in a GET; of the kind that belongs to the id.
    pub data: ManagementData<'a>,
}

impl<'a> ManagementTlv<'a> {
    /// Asks for a data set, or commands.
    pub const fn without_data(management_id: ManagementId) -> Self {
        Self { management_id, data: ManagementData::Empty }
    }

    pub(super) fn read(value: &'a [u8]) -> Result<Self, TlvError> {
        let mut reader = Reader::new(value);
        let management_id = ManagementId(reader.u16().ok_or(TlvError::WrongLength)?);
        Ok(Self { management_id, data: ManagementData::read(management_id, reader.rest())? })
    }

    pub(super) const fn length(&self) -> usize {
        2 + self.data.length()
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.management_id.0);
        self.data.write(writer);
    }
}

/// managementErrorId (15.5.4.2, table 109).
#[doc(alias = "managementErrorId")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ManagementErrorId(pub u16);

impl ManagementErrorId {
    /// The answer does not fit a message.
    pub const RESPONSE_TOO_BIG: Self = Self(1);
    /// The managementId is none.
    pub const NO_SUCH_ID: Self = Self(2);
    /// The data is not as long as it must be.
    pub const WRONG_LENGTH: Self = Self(3);
    /// A value that cannot be.
    pub const WRONG_VALUE: Self = Self(4);
    /// Not to be changed at all.
    pub const NOT_SETABLE: Self = Self(5);
    /// This action is not supported for this managementId.
    pub const NOT_SUPPORTED: Self = Self(6);
    /// There is no such value at present.
    pub const UNPOPULATED: Self = Self(7);
    /// None of the others.
    pub const GENERAL_ERROR: Self = Self(0xfffe);
}

impl From<TlvError> for ManagementErrorId {
    fn from(error: TlvError) -> Self {
        match error {
            TlvError::WrongLength => Self::WRONG_LENGTH,
            TlvError::WrongValue => Self::WRONG_VALUE,
        }
    }
}

/// The value of a MANAGEMENT_ERROR_STATUS TLV (15.5.4, table 108).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManagementErrorStatus<'a> {
    /// Why.
    pub management_error_id: ManagementErrorId,
    /// Of what was asked.
    pub management_id: ManagementId,
    /// For people; may be missing.
    pub display_data: Option<PtpText<'a>>,
}

impl<'a> ManagementErrorStatus<'a> {
    pub(super) fn read(value: &'a [u8]) -> Result<Self, TlvError> {
        padded(value, |reader| {
            let management_error_id = ManagementErrorId(reader.u16()?);
            let management_id = ManagementId(reader.u16()?);
            let _reserved = reader.u32()?;
            let display_data = if reader.rest().is_empty() { None } else { Some(PtpText::read(reader)?) };
            Some(Self { management_error_id, management_id, display_data })
        })
    }

    pub(super) const fn length(&self) -> usize {
        let text = match self.display_data {
            Some(text) => text.length(),
            None => 0,
        };
        even(8 + text)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.management_error_id.0);
        writer.u16(self.management_id.0);
        writer.u32(0);
        if let Some(text) = self.display_data {
            text.write(writer);
        }
    }
}
