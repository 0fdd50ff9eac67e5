//! `/metrics` as a whole: what the data plane counts, what the control plane knows, and the
//! process itself by the names that dashboards know from every Prometheus client.

use std::sync::Arc;
use std::time::Instant;

use relay_admin::Scrape;
use relay_control::Control;
use relay_domain::{Clock as _, SystemClock, Timestamp};
use relay_gateway::Gateway;
use relay_metrics::{Definition, Exposition, Kind};

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Gauge, labels, help }
}

static BUILD: Definition = gauge("relay_build_info", &["version", "os", "arch"], "Always 1; its labels say what runs.");
static STARTED: Definition =
    gauge("process_start_time_seconds", &[], "When the process started, in seconds since the Unix epoch.");
static CPU: Definition = Definition {
    name: "process_cpu_seconds_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Processor time of all threads, user and system.",
};
static RESIDENT: Definition = gauge("process_resident_memory_bytes", &[], "Resident memory.");
static FILES: Definition = gauge("process_open_fds", &[], "Open file descriptors.");
static FILES_MOST: Definition = gauge("process_max_fds", &[], "The most file descriptors there may be.");

/// Families of the process.
#[cfg(test)]
const PROCESS: &[&Definition] = &[&BUILD, &STARTED, &CPU, &RESIDENT, &FILES, &FILES_MOST];

/// Every family of `/metrics`, in its order.
#[cfg(test)]
fn definitions() -> impl Iterator<Item = &'static Definition> {
    Gateway::METRICS.iter().chain(Control::METRICS).chain(PROCESS).copied()
}

/// Answers scrapes from now on.
pub(crate) fn scrape(gateway: Arc<Gateway>, control: Arc<Control>) -> Scrape {
    let started = SystemClock.now();
    Arc::new(move || {
        let (gateway, control) = (Arc::clone(&gateway), Arc::clone(&control));
        Box::pin(async move {
            let mut exposition = Exposition::default();
            gateway.expose(&mut exposition);
            control.expose(Instant::now(), &mut exposition).await;
            expose_process(started, &mut exposition);
            exposition.finish()
        })
    })
}

fn expose_process(started: Timestamp, exposition: &mut Exposition) {
    let build = [env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH];
    exposition.family(&BUILD).sample(&build, 1);
    let numbers = [
        (&STARTED, Some(started.as_second() as f64)),
        (&CPU, Some(cpu_seconds())),
        (&RESIDENT, resident_bytes()),
        (&FILES, open_files()),
        (&FILES_MOST, rlimit::Resource::NOFILE.get_soft().ok().map(|most| most as f64)),
    ];
    for (definition, number) in numbers {
        let mut family = exposition.family(definition);
        // What this system does not tell is left out.
        if let Some(number) = number {
            family.sample(&[], number);
        }
    }
}

fn cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

pub(crate) fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

pub(crate) fn open_files() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use super::*;
    use crate::generated;

    const BEGIN: &str = "<!-- generated: metrics -->\n";

    fn reference() -> String {
        let mut text = String::from("\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
        for Definition { name, kind, labels, help } in definitions() {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(text, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", ")).unwrap();
        }
        text.push('\n');
        text
    }

    #[test]
    fn the_metrics_reference_lists_every_family_as_it_is() {
        generated::check("metrics.md", BEGIN, &reference());
    }

    #[test]
    fn every_family_is_named_once_and_says_what_it_means() {
        let mut names = BTreeSet::new();
        for Definition { name, kind, help, .. } in definitions() {
            assert!(names.insert(*name), "{name} is there twice");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
        }
    }

    #[test]
    fn a_process_tells_what_it_uses() {
        let mut exposition = Exposition::default();
        expose_process(Timestamp::UNIX_EPOCH, &mut exposition);
        let text = exposition.finish();
        for Definition { name, .. } in PROCESS {
            let samples = text.lines().filter(|line| line.starts_with(name) && !line.ends_with(" 0"));
            assert!(samples.count() == usize::from(*name != STARTED.name), "{name} in {text}");
        }
    }
}
