//! The part with markup: no script, no picture, nothing loaded from anywhere.

use super::Letter;
use curfew_domain::text::visible;
use maud::{DOCTYPE, Markup, html};

const BODY: &str = "margin:0;padding:24px;background:#f4f5f7;color:#16202c;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif";
const CARD: &str =
    "max-width:600px;margin:0 auto;padding:28px;background:#ffffff;border:1px solid #d9dee5;border-radius:10px";
const NAME: &str =
    "padding:4px 20px 4px 0;vertical-align:top;text-align:left;font-weight:normal;color:#52606f;white-space:nowrap";
const VALUE: &str = "padding:4px 0;vertical-align:top";
const QUOTE: &str = "margin:4px 0 16px;padding:8px 14px;border-left:4px solid #8a97a6;background:#f4f5f7";
const COMMAND: &str = "margin:4px 0 14px;padding:10px 14px;background:#16202c;color:#ffffff;border-radius:6px;font:14px/1.4 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;word-break:break-all";
const SMALL: &str = "margin:24px 0 0;font-size:13px;color:#52606f";

/// The whole page.
pub(super) fn render(letter: &Letter) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (visible(&letter.subject)) }
            }
            body style=(BODY) {
                div style=(CARD) {
                    h1 style="margin:0 0 8px;font-size:20px;line-height:1.3" { (visible(&letter.subject)) }
                    p style="margin:0 0 16px" { (visible(&letter.lead)) }
                    (facts(letter))
                    (said(letter))
                    (commands(letter))
                    @if let Some(page) = &letter.page {
                        p { a href=(page) style="color:#0b5cad" { "Look at it" } " (opening the page changes nothing)" }
                    }
                    p style=(SMALL) { (letter.because) }
                }
            }
        }
    };
    page.into_string()
}

fn facts(letter: &Letter) -> Markup {
    html! {
        table style="border-collapse:collapse;margin:0 0 16px" {
            @for (name, lines) in &letter.facts {
                tr {
                    th scope="row" style=(NAME) { (name) }
                    td style=(VALUE) { @for line in lines { div { (visible(line)) } } }
                }
            }
        }
    }
}

fn said(letter: &Letter) -> Markup {
    html! {
        @for (heading, lines) in &letter.said {
            p style="margin:0;color:#52606f" { (visible(heading)) ":" }
            blockquote style=(QUOTE) { @for line in lines { div { (visible(line)) } } }
        }
    }
}

fn commands(letter: &Letter) -> Markup {
    html! {
        @for (purpose, command) in &letter.commands {
            p style="margin:0;color:#52606f" { (purpose) }
            pre style=(COMMAND) { (visible(command)) }
        }
    }
}
