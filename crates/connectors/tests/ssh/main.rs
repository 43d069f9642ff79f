//! The SSH connector over a ledger in memory, its fake, and what OpenSSH's own tools say of what it makes.

mod conform;
mod keygen;
mod ledger;
mod world;
