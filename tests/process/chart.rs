//! Line charts, as SVG: panels one below the other, each with its own axes.

use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Logarithmic,
}

#[derive(Debug)]
pub struct Panel {
    pub title: String,
    pub x_scale: Scale,
    pub y_scale: Scale,
    pub lines: Vec<Line>,
}

#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 210.0;
/// The area of the lines within a panel.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 490.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 180.0;
/// Readable on a white and on a black page.
const COLOURS: [&str; 4] = ["#4477cc", "#dd7722", "#229955", "#bb3388"];
const GREY: &str = "#888888";

pub fn svg(panels: &[Panel]) -> String {
    let height = HEIGHT * panels.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{GREY}\" stroke-width=\"1\">\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        let y = HEIGHT * index as f64;
        writeln!(text, "<g transform=\"translate(0 {y})\">\n{}</g>", panel.draw()).unwrap();
    }
    text + "</svg>\n"
}

/// From values to places on the page.
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    page: (f64, f64),
}

impl Axis {
    fn over(scale: Scale, values: impl Iterator<Item = f64> + Clone, page: (f64, f64)) -> Axis {
        let (least, most) =
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
        let (from, to) = match scale {
            Scale::Linear => (0.0, Axis::round(most)),
            Scale::Logarithmic => {
                (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil()))
            }
        };
        Axis { scale, from, to: if to > from { to } else { from * 10.0 + 1.0 }, page }
    }

    /// The next round number that is not less.
    fn round(most: f64) -> f64 {
        let decade = 10_f64.powf(most.log10().floor());
        let steps = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0].map(|step| step * decade);
        steps.into_iter().find(|step| *step >= most).unwrap_or(most)
    }

    fn place(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Logarithmic => (value / self.from).log10() / (self.to / self.from).log10(),
        };
        self.page.0 + part * (self.page.1 - self.page.0)
    }

    fn marks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=4).map(|n| self.to * f64::from(n) / 4.0).collect(),
            Scale::Logarithmic => {
                let decades = (self.to / self.from).log10().round() as i32;
                (0..=decades).map(|n| self.from * 10_f64.powi(n)).collect()
            }
        }
    }
}

/// A number as short as it can be.
fn label(value: f64) -> String {
    match value {
        it if it >= 1e6 => format!("{}M", it / 1e6),
        it if it >= 1e3 => format!("{}k", it / 1e3),
        it => format!("{}", (it * 1e6).round() / 1e6),
    }
}

impl Panel {
    fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::over(self.x_scale, points().map(|point| point.0), (LEFT, RIGHT));
        let y = Axis::over(self.y_scale, points().map(|point| point.1), (BOTTOM, TOP));
        let mut text = format!("<text x=\"{LEFT}\" y=\"18\">{}</text>\n", self.title);
        for mark in y.marks() {
            let (at, label) = (y.place(mark), label(mark));
            write!(text, "<path stroke=\"{GREY}\" opacity=\"0.4\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>")
                .unwrap();
            let (x, y) = (LEFT - 6.0, at + 4.0);
            writeln!(text, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>")
                .unwrap();
        }
        for mark in x.marks() {
            let (at, y, label) = (x.place(mark), BOTTOM + 16.0, label(mark));
            writeln!(text, "<text x=\"{at:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>")
                .unwrap();
        }
        for ((index, line), colour) in self.lines.iter().enumerate().zip(COLOURS.iter().cycle()) {
            let places: Vec<_> = line
                .points
                .iter()
                .map(|p| format!("{:.1},{:.1}", x.place(p.0), y.place(p.1)))
                .collect();
            let (points, name, at) =
                (places.join(" "), &line.name, TOP + 12.0 + 18.0 * index as f64);
            writeln!(text, "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{points}\"/>")
                .unwrap();
            let x = RIGHT + 12.0;
            writeln!(text, "<text x=\"{x}\" y=\"{at}\" fill=\"{colour}\">{name}</text>").unwrap();
        }
        text
    }
}
