//! The client against the doubles of both known versions. `real_host` runs the same cases against a
//! running host.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod list;
mod world;

use list::with_cases;

macro_rules! on_the_doubles {
    ($($case:ident)*) => {
        mod double_s {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&crate::world::World::double(relay_testkit::Personality::S).await).await;
            })*
        }

        mod double_n {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&crate::world::World::double(relay_testkit::Personality::N).await).await;
            })*
        }
    };
}

with_cases!(on_the_doubles);
