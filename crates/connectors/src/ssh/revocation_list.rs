//! OpenSSH key revocation lists (PROTOCOL.krl): which serials of which authorities are refused.
//!
//! A list without entries is valid and refuses nothing. An empty *file* also refuses nothing and a missing
//! one locks everybody out, so a host only ever replaces its list by renaming.

use super::wire::Writer;
use std::collections::BTreeSet;

/// `SSHKRL\n\0` as a number.
const MAGIC: u64 = 0x5353_484b_524c_0a00;
const FORMAT: u32 = 1;
const SECTION_CERTIFICATES: u8 = 1;
const SERIAL_LIST: u8 = 0x20;

/// Serials of one authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// The authority's key blob.
    pub(super) authority: Vec<u8>,
    /// What it signed and must be refused. Serial 0 cannot stand in a list.
    pub(super) serials: &'a BTreeSet<u64>,
}

/// The list's bytes. They depend on nothing but the entries, so that equal lists have equal hashes.
pub(super) fn encode(sections: &[Section<'_>]) -> Vec<u8> {
    let entries: usize = sections.iter().map(|s| s.serials.len()).sum();
    let mut w = Writer::with_capacity(128 + 8 * entries);
    // Version, date, flags, reserved, comment. sshd compares neither version nor date.
    w.u64(MAGIC).u32(FORMAT).u64(entries as u64).u64(0).u64(0).string("").string("curfew");
    for section in sections.iter().filter(|s| !s.serials.is_empty()) {
        let mut list = Writer::with_capacity(8 * section.serials.len());
        for serial in section.serials {
            list.u64(*serial);
        }
        let mut body = Writer::with_capacity(128 + list.bytes().len());
        body.string(&section.authority).string("").byte(SERIAL_LIST).string(list.bytes());
        w.byte(SECTION_CERTIFICATES).string(body.bytes());
    }
    w.into_bytes()
}
