//! One prepared text for many members, so that on SQLite they share one round trip to the thread
//! that owns the connection: handing a statement over costs more than executing it.

use std::fmt::Write as _;

/// How many members one text serves, largest first; three texts stay prepared for each statement.
const SIZES: [usize; 3] = [16, 4, 1];

/// The texts of one statement, by how many members each serves.
pub(crate) type Texts = [(usize, String); 3];

/// Makes the texts of a statement that binds `values` values for one member.
pub(crate) fn texts(text: &str, values: usize) -> Texts {
    SIZES.map(|members| (members, repeated(text, values, members)))
}

/// Cuts a group into parts, each with the text that serves it whole.
pub(crate) fn parts<'t, 'm, T>(
    texts: &'t Texts,
    members: &'m [T],
) -> impl Iterator<Item = (&'t str, &'m [T])> {
    let mut rest = members;
    std::iter::from_fn(move || {
        texts.iter().find_map(|(size, text)| {
            let (part, after) = rest.split_at_checked(*size)?;
            (!part.is_empty()).then(|| {
                rest = after;
                (text.as_str(), part)
            })
        })
    })
}

/// Repeats a text, each time with values of its own.
fn repeated(text: &str, values: usize, times: usize) -> String {
    let mut all = String::with_capacity((text.len() + values) * times);
    for time in 0..times {
        let mut pieces = text.split('$');
        all.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(piece.len());
            let (number, rest) = piece.split_at(digits);
            let number: usize = number.parse().unwrap_or_default();
            // Writing into a text cannot fail.
            let _ = write!(all, "${}{rest}", number + values * time);
        }
        all.push(';');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_binds_values_of_its_own() {
        assert_eq!(
            repeated("set a = $1 where b = $12 or c = $1", 12, 2),
            "set a = $1 where b = $12 or c = $1;set a = $13 where b = $24 or c = $13;"
        );
    }

    #[test]
    fn a_group_is_cut_whole_and_in_order() {
        let texts = texts("$1", 1);
        for size in [0, 1, 3, 4, 15, 16, 17, 37] {
            let members: Vec<usize> = (0..size).collect();
            let parts: Vec<_> = parts(&texts, &members).collect();
            for (text, part) in &parts {
                assert_eq!(text.matches('$').count(), part.len());
            }
            let again: Vec<usize> = parts
                .into_iter()
                .flat_map(|(_, part)| part.to_vec())
                .collect();
            assert_eq!(again, members);
        }
    }
}
