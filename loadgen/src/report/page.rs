//! A page that needs nothing else: its style, and the pieces that pages are made of.

/// In two schemes, readable on a phone and on paper. Wide tables and plots scroll by themselves.
const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--panel:#f4f5f6;--line:#d9dde1;--ink:#16191d;--faint:#5b646e;\
--good:#047857;--bad:#b91c1c;--doubt:#a14f06;--c1:#2563eb;--c2:#dc2626;--c3:#059669;--c4:#9333ea;--c5:#b7791f}\
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--panel:#1d2125;--line:#343b42;--ink:#e7eaed;--faint:#98a2ac;\
--good:#0a7d5d;--bad:#c43c3c;--doubt:#a8620f;--c1:#7aa7ff;--c2:#ff8a80;--c3:#4fc79b;--c4:#c79bff;--c5:#e0b251}}\
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;max-width:940px;margin:1.6em auto;padding:0 1em;\
background:var(--ground);color:var(--ink)}h1{font-size:1.5em;margin:0 0 .2em}h2{font-size:1.1em;margin:2em 0 .6em}\
p{margin:.5em 0}.faint{color:var(--faint)}.banner{padding:.8em 1em;border-radius:8px;color:#fff;margin:1em 0}\
.banner b{font-size:1.15em;display:block}.good{background:var(--good)}.bad{background:var(--bad)}.doubt{background:var(--doubt)}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5em,1fr));gap:.6em}\
.tiles div{background:var(--panel);border-radius:8px;padding:.6em .8em}.tiles b{display:block;font-size:1.2em}\
.wide,.plot{overflow-x:auto}table{border-collapse:collapse;font-size:.92em;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.25em .9em .25em 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600}td.n,th.n{text-align:right;white-space:nowrap}td.text{overflow-wrap:anywhere;min-width:14em}\
pre,code{font:12.5px/1.45 ui-monospace,monospace}pre{background:var(--panel);padding:1em;border-radius:8px;overflow-x:auto}\
code{overflow-wrap:anywhere}ul{margin:.4em 0;padding-left:1.2em}\
svg{width:100%;min-width:640px;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .faint{fill:var(--faint)}\
.grid{stroke:var(--line);stroke-width:1}.line{fill:none;stroke-width:1.8}.shaded{fill:var(--panel)}\
.note{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:4 3}svg .noted{fill:var(--bad);font-weight:600}\
.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}\
svg text.c1{fill:var(--c1)}svg text.c2{fill:var(--c2)}svg text.c3{fill:var(--c3)}svg text.c4{fill:var(--c4)}\
svg text.c5{fill:var(--c5)}svg text{stroke:none}\
@media print{body{max-width:none;font-size:11px}h2{break-after:avoid}.plot,table,.tiles{break-inside:avoid}svg{min-width:0}\
.banner{-webkit-print-color-adjust:exact;print-color-adjust:exact}details{display:none}}";

/// A page with such a title and body.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>\n",
        title = escape(title)
    )
}

/// Text that is only ever text.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A part of the page under a heading; nothing if there is nothing in it.
pub(super) fn part(heading: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<h2>{}</h2>{body}", escape(heading)) }
}

/// A table. A heading that ends with `#` is one of numbers, one with `…` of long texts.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |heading: &str| match heading.chars().last() {
        Some('#') => " class=\"n\"",
        Some('…') => " class=\"text\"",
        _ => "",
    };
    let cell = |name: &str, heading: &str, text: &str| {
        format!("<{name}{}>{}</{name}>", class(heading), escape(text))
    };
    let head: String =
        headings.iter().map(|it| cell("th", it, it.trim_end_matches(['#', '…']))).collect();
    let row = |row: &Vec<String>| {
        let cells: String =
            headings.iter().zip(row).map(|(it, text)| cell("td", it, text)).collect();
        format!("<tr>{cells}</tr>")
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table><tr>{head}</tr>{rows}</table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_only_text() {
        let rows = [vec!["<b>".to_owned(), "1".to_owned()]];
        let made = table(&["what…", "count#"], &rows);
        assert!(made.contains("&lt;b&gt;") && made.contains("<td class=\"n\">1</td>"), "{made}");
        assert_eq!(table(&["a"], &[]), "");
        assert_eq!(part("Nothing", ""), "");
        assert!(document("a & b", "").contains("<title>a &amp; b</title>"));
    }
}
