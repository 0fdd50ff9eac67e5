//! How far long work is, on a person's terminal: one line on stderr that is gone when the work is done.
//! Nothing is written where stderr is no terminal or `--json` is asked for, so that scripts and logs see results alone.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{Output, printable};

/// How often the line moves on its own, so that a person sees that somebody still works.
const TICK: Duration = Duration::from_millis(120);

/// One piece of work. Its line is taken away when this is dropped, also by an error.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins to show work of unknown length.
    pub(crate) fn start(output: Output, what: &str) -> Self {
        let target = if output.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target).with_style(spinner());
        bar.set_message(what.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self { bar }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// So much of it is done. A total of 0 is an unknown one.
    pub(crate) fn at(&self, done: u64, total: u64) {
        match (self.bar.length(), total) {
            (Some(_), 0) => {
                self.bar.unset_length();
                self.bar.set_style(spinner());
            }
            (before, 1..) if before != Some(total) => {
                self.bar.set_length(total);
                self.bar.set_style(line());
            }
            _ => {}
        }
        self.bar.set_position(done);
    }

    /// What is done now, in a few words.
    pub(crate) fn say(&self, what: &str) {
        self.bar.set_message(printable(what));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {msg} ({elapsed})")
}

fn line() -> ProgressStyle {
    style("{spinner} [{bar:24}] {pos}/{len} {msg} ({elapsed}, {eta} left)").progress_chars("=> ")
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike as _};

    use super::*;

    fn shown(work: impl FnOnce(&Progress)) -> String {
        let terminal = InMemoryTerm::new(4, 60);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress { bar: ProgressBar::with_draw_target(None, target).with_style(spinner()) };
        work(&progress);
        progress.bar.force_draw();
        let line = terminal.contents();
        drop(progress);
        assert_eq!(terminal.contents(), "", "the line is gone afterwards");
        assert!(terminal.flush().is_ok());
        line
    }

    #[test]
    fn a_line_shows_how_much_of_how_much_is_done_once_that_is_known() {
        let line = shown(|progress| progress.say("reading groups"));
        assert!(line.contains("reading groups") && !line.contains('/'), "{line}");
        let line = shown(|progress| {
            progress.at(3, 12);
            progress.say("ready\u{1b}[2J");
        });
        assert!(line.contains("3/12 ready") && !line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn json_and_a_stderr_that_is_no_terminal_show_nothing() {
        let progress = Progress::start(Output { json: true }, "asking");
        progress.at(1, 2);
        assert!(progress.bar.is_hidden());
    }
}
