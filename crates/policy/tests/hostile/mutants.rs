//! What grows from the kept inputs of the importer when they are changed at random: by the same seed always the same.

/// A little generator (xorshift64*); what it makes has to differ, not to be unguessable.
struct Luck(u64);

impl Luck {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or(0) % most.max(1)
    }
}

/// Words of the three formats, and what readers stumble over.
const WORDS: [&str; 26] = [
    "kind: role\n",
    "apiVersion: jit-groups\n",
    "spec:\n  allow:\n",
    "deny:\n",
    "logins: ['*']\n",
    "access:\n",
    "- principal: \"user:a@example.com\"\n",
    "allow: \"JOIN, APPROVE_SELF\"\n",
    "expression: \"subject.email in ['x']\"\n",
    "constraints: {join: []}\n",
    "accounts: [{\"id\": \"1\"}]",
    "\"approvers\": {\"SS\": []}",
    "duration: P1DT2H",
    "99999999999999999999",
    "-1e999",
    "null",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "&a [*a]",
    "<<: *a",
    "{{internal.logins}}",
    "!!binary ",
    "---\n",
    "[[[[[[[[",
    "\t",
];

/// So many mutants of each of these.
pub(crate) fn of(kept: &[(String, Vec<u8>)], of_each: usize) -> Vec<(String, Vec<u8>)> {
    let mut luck = Luck(0x5eed_0fa1_1c0d_e001);
    let mut all = Vec::new();
    for (name, bytes) in kept {
        for n in 0..of_each {
            let mut mutant = bytes.clone();
            for _ in 0..=luck.below(6) {
                change(&mut mutant, kept, &mut luck);
            }
            mutant.truncate(64 << 10);
            all.push((format!("{name}, mutant {n}"), mutant));
        }
    }
    all
}

fn change(mutant: &mut Vec<u8>, kept: &[(String, Vec<u8>)], luck: &mut Luck) {
    let at = luck.below(mutant.len() + 1);
    let to = (at + luck.below(40)).min(mutant.len());
    match luck.below(6) {
        0 => drop(mutant.drain(at..to)),
        1 => _ = mutant.splice(at..at, WORDS[luck.below(WORDS.len())].bytes()).count(),
        2 => {
            let piece = mutant[at..to].to_vec();
            let copies = 1 + luck.below(50);
            _ = mutant.splice(at..at, piece.repeat(copies)).count();
        }
        3 => {
            if let Some(byte) = mutant.get_mut(at) {
                *byte = u8::try_from(luck.below(256)).unwrap_or(0);
            }
        }
        4 => {
            let (_, other) = &kept[luck.below(kept.len())];
            let from = luck.below(other.len() + 1);
            let piece = other[from..(from + luck.below(400)).min(other.len())].to_vec();
            _ = mutant.splice(at..at, piece).count();
        }
        _ => _ = mutant.splice(at..to, luck.below(1 << 20).to_string().into_bytes()).count(),
    }
}
