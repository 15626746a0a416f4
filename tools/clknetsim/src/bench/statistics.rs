//! The figures that clknetsim's server prints at the end: for each clock of each node a section, and in it lines of a name, a colon
//! and a number.

/// The true error of one clock over the part of a run that counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figures {
    /// Root mean square, the mean not removed.
    pub rms_s: f64,
    /// The greatest magnitude.
    pub greatest_s: f64,
}

/// The figures of all clocks, node by node; `None` if the text has no such lines.
pub fn figures_of(printed: &str) -> Option<Vec<Figures>> {
    let column = |name: &str| -> Option<Vec<f64>> {
        printed.lines().filter_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().parse().ok()).collect()
    };
    let (rms, greatest) = (column("RMS offset:")?, column("Maximum absolute offset:")?);
    if rms.is_empty() || rms.len() != greatest.len() {
        return None;
    }
    Some(rms.into_iter().zip(greatest).map(|(rms_s, greatest_s)| Figures { rms_s, greatest_s }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_has_its_figures_in_the_order_of_the_sections() {
        let printed = "\n--- Node 1 ---\n\nRMS offset:  \t0.000000e+00\nMaximum absolute offset:\t0.000000e+00\nMean offset: \t1e-9\n\
                       --- Node 2 ---\nRMS offset:   \t9.521551e-08\nMaximum absolute offset:\t5.246067e-07\n";
        let of = |rms_s, greatest_s| Figures { rms_s, greatest_s };
        assert_eq!(figures_of(printed), Some(vec![of(0.0, 0.0), of(9.521_551e-8, 5.246_067e-7)]));
    }

    #[test]
    fn a_server_that_failed_prints_no_figures() {
        assert_eq!(figures_of(""), None);
        assert_eq!(figures_of("RMS offset:\tnone\nMaximum absolute offset:\t1\n"), None);
        assert_eq!(figures_of("RMS offset:\t1\n"), None);
    }
}
