//! Words over a Unix socket, the first of them with file descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::Word;

/// How many descriptors always go over: the gateway's and the admin API's listener, and the lock.
const ALWAYS: usize = 3;

/// And at most: the status page's listener too.
const MOST: usize = ALWAYS + 1;

/// Sends the first word with what goes over.
pub(super) fn send_descriptors(
    to: &StdUnixStream,
    word: Word,
    always: [BorrowedFd<'_>; ALWAYS],
    status: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = always.into_iter().chain(status).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("there is no room for the descriptors"));
    }
    rustix::net::sendmsg(to, &[IoSlice::new(&[word as u8])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// Receives the first word with what came over. Blocks, at most for `limit`.
pub(super) fn receive_descriptors(
    from: &StdUnixStream,
    limit: Duration,
) -> io::Result<(Word, [OwnedFd; ALWAYS], Option<OwnedFd>)> {
    from.set_read_timeout(Some(limit))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0];
    rustix::net::recvmsg(from, &mut [IoSliceMut::new(&mut word)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut received = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    let known = [Word::Take, Word::TakeGiven].into_iter().find(|known| word == [*known as u8]);
    let word = known.ok_or_else(|| unexpected(word[0]))?;
    let status = (received.len() == MOST).then(|| received.pop()).flatten();
    let always = received.try_into().map_err(|_| io::Error::other("the sockets did not come over"))?;
    Ok((word, always, status))
}

/// Waits for the number of the process on the other side.
pub(super) async fn hear_number(stream: &mut UnixStream) -> io::Result<u32> {
    stream.read_u32().await
}

/// Says a word.
pub(super) async fn say(stream: &mut UnixStream, word: Word) -> io::Result<()> {
    stream.write_all(&[word as u8]).await
}

/// Waits for a word; anything else, or the end, is an error.
pub(super) async fn expect(stream: &mut UnixStream, word: Word) -> io::Result<()> {
    let heard = stream.read_u8().await?;
    if heard == word as u8 { Ok(()) } else { Err(unexpected(heard)) }
}

fn unexpected(heard: u8) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{heard:#x} was not expected here"))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_socket_that_goes_over_is_the_same_socket() {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        let [gateway, admin] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let lock = tempfile::tempfile().unwrap();
        send_descriptors(&ours, Word::TakeGiven, [gateway.as_fd(), admin.as_fd(), lock.as_fd()], None).unwrap();
        let address = gateway.local_addr().unwrap();
        // A connection that nobody has accepted yet …
        let client = TcpStream::connect(address).unwrap();
        drop(gateway);
        let (word, [gateway, _, _], status) = receive_descriptors(&theirs, Duration::from_secs(10)).unwrap();
        assert!(word == Word::TakeGiven && status.is_none());
        let gateway = TcpListener::from(gateway);
        assert_eq!(gateway.local_addr().unwrap(), address);
        // … is accepted by whoever has the socket then.
        assert_eq!(gateway.accept().unwrap().1, client.local_addr().unwrap());
    }

    #[test]
    fn a_peer_that_says_nothing_or_something_else_is_an_error() {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        assert!(receive_descriptors(&theirs, Duration::from_millis(1)).is_err());
        std::io::Write::write_all(&mut &ours, b"x").unwrap();
        assert!(receive_descriptors(&theirs, Duration::from_secs(10)).is_err());
    }
}
