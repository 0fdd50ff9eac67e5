//! What the process around the console tells it and does for it: the console itself knows no gateway, no
//! configuration file and no file system.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use relay_domain::{KeyId, Scope, Timestamp};

/// What the console is given.
#[derive(Clone)]
pub struct Process {
    /// The gateway's URL, for what consumers paste.
    pub gateway: Arc<str>,
    /// The admin listener's URL, for what operators paste.
    pub admin: Arc<str>,
    /// See [`Chat`].
    pub chat: Chat,
    /// See [`InventoryOf`].
    pub inventory: InventoryOf,
    /// The public status page; `None` is off.
    pub status_page: Option<StatusPage>,
}

/// A chat completion to be sent as a consumer.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// The consumer key.
    pub key_id: KeyId,
    /// What stickiness is keyed by; left out: as the group has it.
    pub scope: Option<Scope>,
    /// The conversation, as a client would name it.
    pub conversation: Option<String>,
    /// The id of the request, to find its decision by.
    pub request_id: String,
    /// The body of `POST /v1/chat/completions`.
    pub body: Bytes,
}

/// The body of an answer. Dropped before its end, it means that the client went away.
pub type ChatBody = UnsyncBoxBody<Bytes, io::Error>;

/// An answer that has begun, or is still to.
pub type Chatting = Pin<Box<dyn Future<Output = io::Result<Response<ChatBody>>> + Send>>;

/// Sends a chat through the gateway as one of that consumer. What the gateway says, errors included, is the
/// answer; an error is that the gateway cannot be spoken to. Dropping the future is the client going away.
pub type Chat = Arc<dyn Fn(ChatRequest) -> Chatting + Send + Sync>;

/// Tells what the process is just now.
pub type InventoryOf = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Inventory> + Send>> + Send + Sync>;

/// The public status page.
#[derive(Clone, Debug)]
pub struct StatusPage {
    /// Its heading; left out: one in the reader's language.
    pub title: Option<String>,
    /// The groups that are shown; none: all.
    pub groups: Vec<String>,
    /// Days of the strips of bars.
    pub days: u16,
}

/// What the process is. Holds no secret.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Of the program.
    pub version: &'static str,
    /// Operating system and processor.
    pub platform: String,
    /// The machine's name.
    pub node: Option<String>,
    /// The process's number.
    pub process_id: u32,
    /// How many processors it may use.
    pub processors: usize,
    /// When it started.
    pub started_at: Timestamp,
    /// Memory that it uses.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// Where everything is kept.
    pub data_dir: String,
    /// Room that is left there.
    pub free_bytes: Option<u64>,
    /// The configuration file that was read.
    pub config_file: Option<String>,
    /// Files with their sizes.
    pub stored: Vec<Stored>,
    /// `gateway`, `admin` and `status_page`, each with its URL.
    pub listeners: Vec<(&'static str, String)>,
    /// Every key of the configuration.
    pub settings: Vec<Setting>,
}

/// Something on disk.
#[derive(Clone, Debug)]
pub struct Stored {
    /// `store`, `log` or `bindings`.
    pub what: &'static str,
    /// Where.
    pub path: String,
    /// How much.
    pub bytes: u64,
}

/// A key of the configuration as it counts.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    /// Its value; `None` when it is not set.
    pub value: Option<String>,
    /// What it is when nobody says otherwise.
    pub default: Option<&'static str>,
    /// Who said so.
    pub origin: Origin,
    /// The environment variable that would change it.
    pub variable: String,
    /// The flag that would.
    pub flag: Option<&'static str>,
    /// What it decides, in English.
    pub meaning: &'static str,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file: `relay-manager.toml:12`.
    File(String),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(&'static str),
}
