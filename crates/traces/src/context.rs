//! Who is traced under which ids, and the `traceparent` that tells it (W3C Trace Context).

use std::fmt;

/// Names a trace; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub u128);

/// Names a span in a trace; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub u64);

/// A `traceparent`: the trace a request belongs to, and the span that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span of whoever sent it.
    pub span: SpanId,
    /// Whoever sent it records the trace.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Reads the field's value; `None` when it is not valid, and then it counts as absent.
    /// A version that is not known yet is read as far as it is like this one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (head, rest) = text.split_at_checked(55)?;
        let fields: Vec<&str> = head.split('-').collect();
        let [version, trace, span, flags] = fields[..] else { return None };
        let version = hex(version, 2)?;
        let may_follow = rest.is_empty() || (version > 0 && rest.starts_with('-'));
        if version == 0xff || !may_follow {
            return None;
        }
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)? as u64, hex(flags, 2)?);
        (trace != 0 && span != 0).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            is_sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case digits only, as the standard has them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && is_lower).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace.0, self.span.0, u8::from(self.is_sampled))
    }
}

/// The ids of a request that is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace: the client's, or a new one.
    pub trace: TraceId,
    /// The span of the whole request.
    pub span: SpanId,
    /// The client's span.
    pub parent: Option<SpanId>,
}

impl Context {
    /// The id of the request's `n`th child. Ids are random by the request's own, so they need be no more
    /// than different from it.
    pub fn child(&self, n: u32) -> SpanId {
        let id = self.span.0.wrapping_add(u64::from(n) + 1);
        // The one value that is no id.
        SpanId(if id == 0 { u64::MAX } else { id })
    }

    /// What the `n`th child tells whom it calls.
    pub fn told_by_child(&self, n: u32) -> TraceParent {
        TraceParent { trace: self.trace, span: self.child(n), is_sampled: true }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let parent = TraceParent::parse(VALID).expect("is valid");
        assert_eq!(parent.to_string(), VALID);
        assert!(parent.is_sampled);
        assert!(!TraceParent::parse(&VALID.replace("-01", "-02")).expect("is valid").is_sampled, "another flag");
        let later = format!("{}-more", VALID.replacen("00", "01", 1));
        assert_eq!(TraceParent::parse(&later), Some(parent), "a later version may go on");
        for invalid in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-001",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(invalid), None, "{invalid}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm_and_what_is_written_is_read_again(text in ".{0,80}", trace in 1_u128.., span in 1_u64.., is_sampled: bool) {
            let _ = TraceParent::parse(&text);
            let parent = TraceParent { trace: TraceId(trace), span: SpanId(span), is_sampled };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }

        #[test]
        fn children_have_ids_of_their_own(span in 1_u64.., n in 0..16_u32, m in 0..16_u32) {
            let context = Context { trace: TraceId(1), span: SpanId(span), parent: None };
            prop_assert!(context.child(n).0 != 0 && context.child(n) != context.span);
            prop_assert_eq!(context.child(n) == context.child(m), n == m);
        }
    }
}
