//! Line plots as SVG text. It knows axes and lines, not what they show.

use std::fmt::Write;
use std::ops::RangeInclusive;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
/// Names of colours in the page's style, which has two schemes.
const COLOURS: [&str; 5] = ["c1", "c2", "c3", "c4", "c5"];

/// A named line; points ascend in x.
pub(crate) struct Line<'a> {
    pub name: &'a str,
    pub points: Vec<(f64, f64)>,
}

/// A plot.
pub(crate) struct Plot<'a> {
    pub x_label: &'a str,
    /// Where the x axis has marks, in points' x, and what they say.
    pub x_marks: Vec<(f64, String)>,
    /// A mark's text.
    pub y_text: fn(f64) -> String,
    /// Decades instead of steps.
    pub y_log: bool,
    pub lines: Vec<Line<'a>>,
    /// A part of the x axis that is not measured, and why.
    pub shaded: Option<(f64, f64, &'a str)>,
    /// What happened, at points' x.
    pub notes: Vec<(f64, String)>,
}

impl Default for Plot<'_> {
    fn default() -> Self {
        Self {
            x_label: "",
            x_marks: Vec::new(),
            y_text: |y| y.to_string(),
            y_log: false,
            lines: Vec::new(),
            shaded: None,
            notes: Vec::new(),
        }
    }
}

impl Plot<'_> {
    /// The plot as an `<svg>` element.
    pub fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let Some(x_first) = points().map(|point| point.0).reduce(f64::min) else {
            return "<p>nothing to plot</p>".into();
        };
        let x_last = points().map(|point| point.0).fold(x_first + 1e-9, f64::max);
        let y_marks = self.y_marks(points().map(|point| point.1));
        let (low, high) = (y_marks[0], y_marks[y_marks.len() - 1]);
        let scale = |y: f64| if self.y_log { y.max(low).log10() } else { y };
        let x_of = |x: f64| LEFT + (x - x_first) / (x_last - x_first) * (WIDTH - LEFT - RIGHT);
        let y_of = |y: f64| {
            let share = (scale(y) - scale(low)) / (scale(high) - scale(low));
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let names: Vec<&str> = self.lines.iter().map(|line| line.name).collect();
        let label = format!("{} by {}", names.join(", "), self.x_label);
        let mut out = format!(
            "<div class=\"plot\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
        );
        let mut add = |text: String| out.push_str(&text);
        let bottom = HEIGHT - BOTTOM;
        add(self.shade(x_last, x_of));
        for mark in &y_marks {
            let (y, text) = (y_of(*mark), (self.y_text)(*mark));
            add(format!(
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>",
                WIDTH - RIGHT
            ));
            add(format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 6.0,
                y + 4.0
            ));
        }
        for (x, text) in &self.x_marks {
            let x = x_of(*x);
            add(format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" class=\"grid\"/>"
            ));
            add(format!(
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                bottom + 16.0
            ));
        }
        add(self.note(x_first..=x_last, x_of));
        let middle = (WIDTH + LEFT) / 2.0;
        add(format!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            self.x_label
        ));
        for (nth, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[nth % COLOURS.len()];
            add(path(line, colour, x_of, y_of));
            let x = LEFT + 110.0 * f64::from(u32::try_from(nth).expect("a few lines"));
            add(format!(
                "<text x=\"{x}\" y=\"16\" class=\"{colour}\">\u{25ac} {}</text>",
                line.name
            ));
        }
        out + "</svg></div>"
    }

    fn shade(&self, x_last: f64, x_of: impl Fn(f64) -> f64) -> String {
        let Some((from, to, why)) = self.shaded else { return String::new() };
        let (from, to) = (x_of(from), x_of(to.min(x_last)));
        format!(
            "<rect x=\"{from:.1}\" width=\"{:.1}\" y=\"{TOP}\" height=\"{}\" class=\"shaded\"/>\
             <text x=\"{:.1}\" y=\"{}\" class=\"faint\">{why}</text>",
            to - from,
            HEIGHT - BOTTOM - TOP,
            from + 4.0,
            HEIGHT - BOTTOM - 6.0
        )
    }

    fn note(&self, shown: RangeInclusive<f64>, x_of: impl Fn(f64) -> f64) -> String {
        let notes = self.notes.iter().filter(|(x, _)| shown.contains(x));
        let note = |(x, text): &(f64, String)| {
            let x = x_of(*x);
            format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\" class=\"note\"/>\
                 <text x=\"{:.1}\" y=\"{}\" class=\"noted\">{text}</text>",
                HEIGHT - BOTTOM,
                x + 4.0,
                TOP + 12.0
            )
        };
        notes.map(note).collect()
    }

    /// Marks that enclose all values: decades, or about five steps of 1, 2 or 5.
    fn y_marks(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let values: Vec<f64> = values.collect();
        let high = values.iter().copied().fold(1.0, f64::max);
        if self.y_log {
            let low = values.iter().copied().filter(|value| *value > 0.0).fold(high, f64::min);
            let mut marks = vec![10f64.powf(low.log10().floor())];
            while marks[marks.len() - 1] < high {
                marks.push(marks[marks.len() - 1] * 10.0);
            }
            if marks.len() == 1 {
                marks.push(marks[0] * 10.0);
            }
            return marks;
        }
        let step = step(high / 5.0);
        let mut marks = vec![0.0];
        while marks[marks.len() - 1] < high {
            marks.push(marks[marks.len() - 1] + step);
        }
        marks
    }
}

/// The next 1, 2 or 5 times a power of ten.
pub(crate) fn step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(1e-9).log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| decade * factor >= least);
    decade * factor.unwrap_or(10.0)
}

fn path(
    line: &Line<'_>,
    colour: &str,
    x_of: impl Fn(f64) -> f64,
    y_of: impl Fn(f64) -> f64,
) -> String {
    let mut data = String::new();
    for (x, y) in &line.points {
        let command = if data.is_empty() { 'M' } else { 'L' };
        write!(data, "{command}{:.1} {:.1}", x_of(*x), y_of(*y))
            .expect("writing to memory does not fail");
    }
    format!("<path d=\"{data}\" class=\"line {colour}\"/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, y_log: bool) -> String {
        let lines = vec![Line { name: "a", points }];
        Plot { x_label: "x", y_log, lines, ..Plot::default() }.draw()
    }

    #[test]
    fn marks_enclose_the_values() {
        for y_log in [false, true] {
            let svg = plot(vec![(0.0, 3.0), (1.0, 470.0)], y_log);
            assert!(svg.contains("<svg") && svg.ends_with("</svg></div>"), "{svg}");
            assert!(svg.contains(if y_log { ">1000<" } else { ">500<" }), "{svg}");
        }
    }

    #[test]
    fn what_happened_is_noted_where_the_axis_reaches() {
        let lines = vec![Line { name: "a", points: vec![(1.0, 1.0), (9.0, 2.0)] }];
        let notes = vec![(3.0, "first".to_owned()), (30.0, "beyond".to_owned())];
        let svg =
            Plot { lines, notes, shaded: Some((1.0, 2.0, "warm-up")), ..Plot::default() }.draw();
        assert!(svg.contains(">first<") && svg.contains(">warm-up<") && !svg.contains("beyond"));
    }

    #[test]
    fn few_points_are_no_trouble() {
        assert!(plot(vec![], false).contains("nothing"));
        assert!(!plot(vec![(1.0, 0.0)], true).contains("NaN"));
        assert!(!plot(vec![(1.0, 10.0)], true).contains("NaN"));
    }

    #[test]
    fn steps_are_round() {
        for (least, round) in [(0.9, 1.0), (1.1, 2.0), (3.0, 5.0), (7.0, 10.0), (140.0, 200.0)] {
            assert!((step(least) - round).abs() < 1e-9, "{least}");
        }
    }
}
