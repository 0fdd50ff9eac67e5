//! The steps from nothing to the first request, and how far one is. Nothing is kept of it: what is done
//! stands in the fleet and the log, so whoever leaves finds their place again.

use relay_control::status::FleetCounts;

use crate::words::{Language, words};

words! {
    StepWords {
        host => "Host" / "主机";
        group => "Group" / "分组";
        route => "Models" / "模型与路由";
        key => "Key" / "使用方 key";
        request => "First request" / "首次请求";
    }
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Host,
    Group,
    Route,
    Key,
    Request,
}

impl Step {
    pub(crate) const ALL: [Self; 5] = [Self::Host, Self::Group, Self::Route, Self::Key, Self::Request];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Host => "/start/host",
            Self::Group => "/start/group",
            Self::Route => "/start/route",
            Self::Key => "/start/key",
            Self::Request => "/start/request",
        }
    }

    fn name(self, t: StepWords) -> &'static str {
        match self {
            Self::Host => t.host(),
            Self::Group => t.group(),
            Self::Route => t.route(),
            Self::Key => t.key(),
            Self::Request => t.request(),
        }
    }

    fn is_done(self, fleet: FleetCounts) -> bool {
        match self {
            Self::Host => fleet.hosts > 0,
            Self::Group => fleet.groups > 0,
            Self::Route => fleet.routes > 0,
            Self::Key => fleet.keys > 0,
            Self::Request => false,
        }
    }

    /// The first step that is left to do.
    pub(crate) fn next(fleet: FleetCounts) -> Self {
        Self::ALL.into_iter().find(|step| !step.is_done(fleet)).unwrap_or(Self::Request)
    }
}

/// A step as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct StepLink {
    pub(crate) text: &'static str,
    /// Empty for one that cannot be taken yet, and for the one that is shown.
    pub(crate) href: &'static str,
    pub(crate) is_done: bool,
    pub(crate) is_here: bool,
}

/// All steps; those that are done, and the next one, can be gone to.
pub(crate) fn links(language: Language, fleet: FleetCounts, here: Option<Step>) -> Vec<StepLink> {
    let next = Step::next(fleet);
    let link = |step: Step| {
        let (is_done, is_here) = (step.is_done(fleet), here == Some(step));
        let can_go = here.is_some() && !is_here && (is_done || step == next);
        StepLink {
            text: step.name(StepWords(language)),
            href: if can_go { step.path() } else { "" },
            is_done: is_done && !is_here,
            is_here,
        }
    };
    Step::ALL.map(link).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_where_one_left_and_back_to_what_is_done() {
        let nothing = FleetCounts { hosts: 0, groups: 0, routes: 0, keys: 0 };
        let fleet = FleetCounts { hosts: 1, groups: 1, ..nothing };
        assert_eq!(Step::next(nothing), Step::Host);
        assert_eq!(Step::next(fleet), Step::Route);
        let hrefs: Vec<&str> =
            links(Language::English, fleet, Some(Step::Group)).into_iter().map(|step| step.href).collect();
        assert_eq!(hrefs, ["/start/host", "", "/start/route", "", ""]);
    }
}
