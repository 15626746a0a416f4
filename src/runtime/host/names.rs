//! By what names this machine is known: what the kernel calls it, and what stands beside that in /etc/hosts.

use std::fs::File;
use std::io::Read as _;

use super::Host;

const HOSTS: &str = "/etc/hosts";
/// So much of that file is looked at; some have lists of thousands of names in it, behind the machine's own.
const HOSTS_BYTES_MAX: u64 = 65_536;

/// Whether this machine is known by a name, which is in lower case and without a final dot: its host name, that without domain, and what stands in a
/// line of /etc/hosts with one of them. Nobody is asked.
pub fn is_own_name(name: &str) -> bool {
    let own = Host::this().name.to_ascii_lowercase();
    let mut hosts = Vec::new();
    // Without it only the kernel's word is left.
    let _ = File::open(HOSTS).map(|file| file.take(HOSTS_BYTES_MAX).read_to_end(&mut hosts));
    is_name_of(&own, &String::from_utf8_lossy(&hosts).to_ascii_lowercase(), name)
}

fn is_name_of(own: &str, hosts: &str, name: &str) -> bool {
    let short = own.split('.').next().unwrap_or(own);
    let is_own = |name: &str| !name.is_empty() && (name == own || name == short);
    let mut lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    is_own(name)
        || lines.any(|names| {
            let names: Vec<_> = names.collect();
            names.iter().any(|one| is_own(one)) && names.contains(&name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_name_and_what_stands_beside_it_in_the_file_are_ours() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tweb1.example.net web1 clock # web1 old.example.net\n\
                     #127.0.1.1 web1 gone.example.net\n192.0.2.9 web2.example.net web2\n0.0.0.0 evil.example\n";
        for name in ["web1", "web1.example.net", "clock"] {
            assert!(is_name_of("web1", hosts, name), "{name}");
        }
        for name in
            ["", "web2", "evil.example", "old.example.net", "gone.example.net", "127.0.1.1", "web1.evil.example"]
        {
            assert!(!is_name_of("web1", hosts, name), "{name}");
        }
        let own = "web3.example.net";
        assert!(is_name_of(own, hosts, "web3") && is_name_of(own, hosts, own));
        assert!(!is_name_of("", "127.0.0.1 evil.example", "evil.example"));
    }

    #[test]
    fn this_machine_is_known_by_its_own_name() {
        assert!(is_own_name(&Host::this().name.to_ascii_lowercase()));
        assert!(!is_own_name("evil.example"));
    }
}
