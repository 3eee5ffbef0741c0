//! Refusals as a label: the code's name in snake case.

use super::Label;
use wire::RefusalCode;

/// In snake case.
impl Label for RefusalCode {
    const NAME: &'static str = "code";
    const ALL: &'static [Self] = Self::ALL;

    fn text(self) -> String {
        let mut text = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !text.is_empty() {
                text.push('_');
            }
            text.push(letter.to_ascii_lowercase());
        }
        text
    }

    fn index(self) -> usize {
        let index = Self::ALL.iter().position(|code| *code == self);
        index.expect("ALL has every code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_place_and_a_plain_text() {
        for (index, code) in RefusalCode::ALL.iter().enumerate() {
            assert_eq!(code.index(), index);
        }
        assert_eq!(RefusalCode::IdTooOld.text(), "id_too_old");
    }
}
