//! Rows measured in turns, and what they say of each other.

use std::time::Duration;

/// Something that is called often.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Calls it so many times; gives the time that took.
    pub(crate) run: Box<dyn FnMut(u64) -> Duration>,
}

/// Long enough for the clock, short enough that a round is over before the machine's mood changes.
const CALLS: u64 = 20_000;

/// The time of a call, in ns: a line for each round, a column for each row.
pub(crate) struct Rounds {
    names: Vec<String>,
    times: Vec<Vec<f64>>,
}

impl Rounds {
    pub(crate) fn measure(mut rows: Vec<Row>, rounds: usize) -> Self {
        let calls = if rounds > 1 { CALLS } else { 1 };
        let mut round = || {
            let of_row = |row: &mut Row| (row.run)(calls).as_nanos() as f64 / calls as f64;
            rows.iter_mut().map(of_row).collect()
        };
        // The first fills the caches.
        let _: Vec<f64> = round();
        let times = (0..rounds).map(|_| round()).collect();
        let names = rows.into_iter().map(|row| row.name).collect();
        Self { names, times }
    }

    /// Medians in ns, and of the ratios to some of the rows.
    pub(crate) fn print(&self, against: &[(&str, usize)]) {
        let heads: Vec<String> = against
            .iter()
            .map(|(head, _)| format!(" {head} |"))
            .collect();
        println!("| a call | ns |{}", heads.concat());
        println!("|---|--:|{}", "--:|".repeat(against.len()));
        for (at, name) in self.names.iter().enumerate() {
            let ratio = |of: usize| median(self.times.iter().map(|round| round[at] / round[of]));
            let ratios: Vec<String> = against
                .iter()
                .map(|(_, of)| format!(" {:.2} |", ratio(*of)))
                .collect();
            let time = median(self.times.iter().map(|round| round[at]));
            println!("| {name} | {time:.1} |{}", ratios.concat());
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
