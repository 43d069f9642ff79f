//! The way out, from a row in the outbox to a mail in a mailbox and a signed call at a receiver.

mod canary;
mod courier;
mod hooks;
mod letters;
mod mail;
mod receiver;
mod smtp;
mod things;
