//! Which files are within reach (landlock(7)).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::config::{Config, RefclockDevice};

/// The youngest version of landlock whose rules are known here; of an older kernel's those are used that it has.
const KNOWN: ABI = ABI::V6;
/// What may be read: what the kernel tells, what the C library's resolver reads, the list of leap seconds.
const READ: [&str; 9] = ["/proc", "/sys", "/etc", "/run", "/usr", "/lib", "/lib64", "/var/run", "/var/lib/sss"];
/// Devices that are none, and that we may open ourselves.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// What was put in place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// All that this version has to offer is in force.
    Limited(String),
    /// It is not, and why.
    Unlimited(String),
}

/// The directories that are written.
pub fn written(config: &Config) -> Vec<PathBuf> {
    let observe = &config.observe;
    let mut all = vec![observe.runtime_directory.clone(), observe.state_directory.clone()];
    if config.trace.keep_bytes > 0 {
        all.push(config.trace.directory.clone());
    }
    all
}

/// The directories of sockets that are not in our own.
pub fn of_sockets(config: &Config) -> Vec<PathBuf> {
    let sockets = config.refclocks.iter().filter_map(|clock| match &clock.device {
        RefclockDevice::Sock { path } => Some(path),
        _ => None,
    });
    sockets.chain(&config.observe.ptp_management).filter_map(|path| Some(path.parent()?.to_owned())).collect()
}

/// Whether a file of a new configuration is within reach of a process that was limited by another one.
pub fn is_readable(file: &Path, when_limited: &Config) -> bool {
    let is_beside = file.parent() == when_limited.clock.leap_file.parent();
    is_beside || READ.iter().any(|place| file.starts_with(place))
}

/// Limits the calling thread and those that it will start; for good. `file` is the configuration's.
///
/// Directories that are not there are left out: what cannot be opened needs no rule.
///
/// # Errors
/// The kernel's, in words; nothing is limited then.
pub fn limit(config: &Config, file: Option<&Path>) -> Result<Reach, String> {
    let all = AccessFs::from_all(KNOWN);
    let read = AccessFs::from_read(KNOWN) & !AccessFs::Execute;
    let write = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::RemoveFile
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::MakeDir
        | AccessFs::Refer
        | AccessFs::Truncate;
    let sock = AccessFs::RemoveFile | AccessFs::MakeSock;
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|rules| rules.handle_access(AccessNet::BindTcp))
        .and_then(|rules| rules.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .map_err(|error| said(&error))?;
    let beside_config = file.and_then(|file| file.canonicalize().ok()?.parent().map(Path::to_owned));
    let leap_list = config.clock.leap_file.parent().map(Path::to_owned);
    let reads = READ.iter().map(PathBuf::from).chain(beside_config).chain(leap_list);
    let devices = DEVICES.iter().map(PathBuf::from);
    let places = reads
        .map(|path| (path, read))
        .chain(devices.map(|path| (path, AccessFs::ReadFile | AccessFs::WriteFile)))
        .chain(written(config).into_iter().map(|path| (path, write)))
        .chain(of_sockets(config).into_iter().map(|path| (path, sock)));
    for (path, access) in places {
        let Ok(place) = PathFd::new(&path) else { continue };
        // What is said of a file must be said of files.
        let access: BitFlags<AccessFs> = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
        rules = rules.add_rule(PathBeneath::new(place, access)).map_err(|error| said(&error))?;
    }
    if let Some(http) = config.observe.http {
        rules = rules.add_rule(NetPort::new(http.port(), AccessNet::BindTcp)).map_err(|error| said(&error))?;
    }
    let status = rules.restrict_self().map_err(|error| said(&error))?;
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let version = kernel_abi.unwrap_or(effective_abi as i32);
            format!("version {version}")
        }
        LandlockStatus::NotEnabled => return Ok(Reach::Unlimited("the kernel has it and it is off (lsm=)".to_owned())),
        LandlockStatus::NotImplemented => {
            return Ok(Reach::Unlimited("the kernel has none (CONFIG_SECURITY_LANDLOCK, Linux 5.13)".to_owned()));
        }
    };
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => Reach::Unlimited("the kernel does not enforce it".to_owned()),
        RulesetStatus::FullyEnforced => Reach::Limited(version),
        RulesetStatus::PartiallyEnforced => Reach::Limited(format!("{version}, which has a part of the rules")),
    })
}
