//! What each part is configured with, in its own words.

use std::num::NonZeroU32;
use std::time::Duration;

use relay_control::managed::Policy;
use relay_control::probing::ProbeSettings;
use relay_gateway::GatewayOptions;
use relay_health::BreakerSettings;
use relay_ledger::LedgerOptions;

use crate::config::{Config, OnStall, ProbeMode};
use crate::runtimes;

pub(super) fn ledger(config: &Config) -> LedgerOptions {
    LedgerOptions {
        retention: config.log.retention,
        on_stall: match config.log.on_stall {
            OnStall::Refuse => relay_ledger::OnStall::Refuse,
            OnStall::Continue => relay_ledger::OnStall::Continue,
        },
        step_aside: || {
            runtimes::step_aside();
        },
        ..LedgerOptions::new(config.log_dir())
    }
}

pub(super) fn gateway(config: &Config) -> GatewayOptions {
    GatewayOptions {
        max_body: config.gateway.max_body_bytes,
        max_buffered: config.gateway.max_buffered_bytes,
        max_connections: config.gateway.max_connections,
        first_output: config.timeouts.first_output,
        idle: config.timeouts.idle,
        status_commit: config.timeouts.status_commit,
        attempts_budget: config.timeouts.attempts,
        client_stall: config.timeouts.client_stall,
        attempts: config.retry.attempts,
        retry_percent: config.retry.budget_percent,
        managed_wait: config.managed.wait,
        access_log: config.access_log,
        ..GatewayOptions::default()
    }
}

/// What a probe that has not reported may take before it counts as lost, beyond any attempt's own limits.
const PROBE_SLACK: Duration = Duration::from_secs(15);

pub(super) fn breaker(config: &Config) -> BreakerSettings {
    let breaker = &config.breaker;
    BreakerSettings {
        consecutive_failures: breaker.consecutive_failures,
        failure_percent: breaker.failure_percent,
        minimum_requests: breaker.minimum_requests,
        window: breaker.window,
        first_open: breaker.first_open,
        longest_open: breaker.longest_open,
        probe_limit: config.timeouts.connect + config.timeouts.first_output + PROBE_SLACK,
    }
}

pub(super) fn managed(config: &Config) -> Policy {
    let managed = &config.managed;
    Policy {
        validity_days: managed.validity_days,
        renew_ahead: managed.renew_ahead,
        overlap: managed.overlap,
        user_concurrency: NonZeroU32::new(managed.user_concurrency).unwrap_or(NonZeroU32::MIN),
        keys_per_user: NonZeroU32::new(managed.keys_per_user),
        jobs: managed.jobs,
        ..Policy::default()
    }
}

pub(super) fn probe(config: &Config) -> ProbeSettings {
    ProbeSettings {
        mode: match config.probe.mode {
            ProbeMode::Off => relay_control::probing::ProbeMode::Off,
            ProbeMode::Models => relay_control::probing::ProbeMode::Models,
            ProbeMode::Completion => relay_control::probing::ProbeMode::Completion,
        },
        idle: config.probe.idle,
        completions_per_day: config.probe.completions_per_day,
    }
}
