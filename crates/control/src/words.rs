//! Languages of people, and words said in each of them.
//!
//! Whoever has words lists them with [`words!`](crate::words!), each in every language on one line, so that a missing
//! translation does not compile, and whoever changes a text sees the other one. The console's tests read those
//! lines, here too, and refuse Chinese that is English.

/// A language of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The word in cookies and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The tag for `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// A language by its word in cookies and forms.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == word)
    }
}

/// Words: `name => "English" / "中文";`, or with parts `name(a, b) => "{a} of {b}" / "{b} 之 {a}";`.
/// Makes a type with a method for each, for the crate that says them.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($entries:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name(pub(crate) $crate::words::Language);

        impl $name {
            $crate::words!(@ $($entries)*);
        }
    };
    (@) => {};
    (@ $key:ident => $en:literal / $zh:literal; $($rest:tt)*) => {
        pub(crate) fn $key(self) -> &'static str {
            match self.0 {
                $crate::words::Language::English => $en,
                $crate::words::Language::Chinese => $zh,
            }
        }
        $crate::words!(@ $($rest)*);
    };
    (@ $key:ident($($part:ident),+) => $en:literal / $zh:literal; $($rest:tt)*) => {
        pub(crate) fn $key(self, $($part: impl std::fmt::Display),+) -> String {
            match self.0 {
                $crate::words::Language::English => format!($en),
                $crate::words::Language::Chinese => format!($zh),
            }
        }
        $crate::words!(@ $($rest)*);
    };
}
