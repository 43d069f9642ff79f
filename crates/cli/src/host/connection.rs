//! Which connection an sshd process serves, as the kernel says, not as its client does.
//!
//! sshd writes it into `SSH_CONNECTION` for everything it starts, so it leads to processes that a session
//! left behind.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const ESTABLISHED: &str = "01";

/// `client-address client-port server-address server-port`; none when the process serves no or several.
pub(super) fn of(pid: u32) -> Option<String> {
    let sockets = sockets(pid)?;
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        // The process's own view, whatever network it lives in.
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(|line| connection(line, &sockets)));
    }
    (found.len() == 1).then(|| found.pop_first()).flatten()
}

/// The inodes of its sockets.
fn sockets(pid: u32) -> Option<BTreeSet<String>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inode = |link: std::path::PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    Some(links.filter_map(inode).collect())
}

/// A line of /proc/net/tcp: `sl local remote state ... inode`.
fn connection(line: &str, sockets: &BTreeSet<String>) -> Option<String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != ESTABLISHED || !sockets.contains(*fields.get(9)?) {
        return None;
    }
    let (here, there) = (address(fields[1])?, address(fields[2])?);
    Some(format!("{} {} {} {}", there.ip(), there.port(), here.ip(), here.port()))
}

/// `0100007F:0016`: words of 32 bits in the machine's order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Option<Vec<[u8; 4]>> = (0..ip.len() / 8)
        .map(|i| u32::from_str_radix(ip.get(i * 8..i * 8 + 8)?, 16).ok().map(u32::to_ne_bytes))
        .collect();
    let bytes = words?.concat();
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn addresses_read() {
        assert_eq!(address("0100007F:0016").map(|a| a.to_string()).as_deref(), Some("127.0.0.1:22"));
        let loopback = "00000000000000000000000001000000:0050";
        assert_eq!(address(loopback).map(|a| a.to_string()).as_deref(), Some("[::1]:80"));
        let mapped = "0000000000000000FFFF00000100007F:0050";
        assert_eq!(address(mapped).map(|a| a.to_string()).as_deref(), Some("127.0.0.1:80"), "as sshd writes it");
        assert_eq!(address("01:0050"), None);
    }

    #[test]
    fn a_connection_of_this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (_server, _) = listener.accept().expect("accepted");
        let text = std::fs::read_to_string("/proc/self/net/tcp").expect("a table");
        let sockets = sockets(std::process::id()).expect("descriptors");
        let found: Vec<_> = text.lines().skip(1).filter_map(|line| connection(line, &sockets)).collect();
        let (from, to) = (client.local_addr().expect("bound"), listener.local_addr().expect("bound"));
        assert!(found.contains(&format!("127.0.0.1 {} 127.0.0.1 {}", from.port(), to.port())), "{found:?}");
    }
}
