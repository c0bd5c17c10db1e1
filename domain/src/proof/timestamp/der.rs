//! A strict reader of DER, for the few structures a time-stamp is made of: definite lengths in their shortest
//! form, one-byte tags, nothing left over. Whatever it is given, it answers or refuses.

/// Tags, as they stand in the first byte.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Returns the tag of a context, constructed: `[number]`.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Returns the tag of a context, primitive: `[number] IMPLICIT` of something that holds nothing else.
pub(super) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Bytes that are read from the left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// What it holds.
    pub(super) content: &'a [u8],
    /// All of it, tag and length included.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Returns what is in it, to read.
    pub(super) fn inside(self) -> Reader<'a> {
        Reader(self.content)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads the one element that these bytes are.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Option<Element<'a>> {
        let mut reader = Self(bytes);
        let element = reader.take(tag)?;
        reader.is_empty().then_some(element)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Reads the next element, whatever it is.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (tag, rest) = self.0.split_first()?;
        // Tags of more than one byte are in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // 0x80 would be an indefinite length; four bytes are more than anything here is long.
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let (digits, rest) = rest.split_at_checked(count)?;
                let length = digits
                    .iter()
                    .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
                let shortest = digits.first() != Some(&0) && length > 0x7f;
                (shortest.then(|| usize::try_from(length).ok())??, rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element {
            tag: *tag,
            content,
            whole,
        })
    }

    /// Reads the next element, which must be of this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// Reads the next element where it is of this tag; anything else stays to be read.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.take(tag)?;
        *self = ahead;
        Some(element)
    }

    /// Reads all that is left, each of this tag.
    pub(super) fn all(mut self, tag: u8) -> Option<Vec<Element<'a>>> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            elements.push(self.take(tag)?);
        }
        Some(elements)
    }

    /// Reads a whole number that is small and not negative.
    pub(super) fn small(&mut self, tag: u8) -> Option<u32> {
        match *self.take(tag)?.content {
            [one @ 0..=0x7f] => Some(one.into()),
            [high @ 1..=0x7f, low] => Some(u32::from(high) << 8 | u32::from(low)),
            [0, low @ 0x80..=0xff] => Some(low.into()),
            _ => None,
        }
    }

    /// Reads the name of an algorithm whose parameters are absent or null.
    pub(super) fn algorithm(&mut self) -> Option<&'a [u8]> {
        let mut inside = self.take(SEQUENCE)?.inside();
        let name = inside.take(OID)?.content;
        let null = inside.optional(NULL);
        (inside.is_empty() && null.is_none_or(|null| null.content.is_empty())).then_some(name)
    }
}

/// Writes one element; none that this program writes is as long as 128 bytes.
pub(super) fn written(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX).min(0x7f);
    let mut bytes = vec![tag, length];
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_one_form_only() {
        let read = |bytes: &[u8]| Reader::new(bytes).next().map(|one| one.content.to_vec());
        assert_eq!(read(&[4, 2, 7, 8, 9]), Some(vec![7, 8]));
        let long = [&[4, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(read(&long), Some(vec![0; 0x80]));
        for odd in [
            &[][..],
            &[4],
            &[4, 2, 7],
            // Longer than it must be, indefinite, beyond what is there, a tag of two bytes.
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 0x80],
            &[4, 0x80, 7, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x1f, 1, 0],
        ] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn small_numbers_are_read_in_their_shortest_form() {
        let read = |bytes: &[u8]| Reader::new(bytes).small(INTEGER);
        assert_eq!(read(&[2, 1, 0]), Some(0));
        assert_eq!(read(&[2, 1, 127]), Some(127));
        assert_eq!(read(&[2, 2, 0, 200]), Some(200));
        assert_eq!(read(&[2, 2, 1, 244]), Some(500));
        for odd in [
            &[2, 0][..],
            &[2, 1, 0x80],
            &[2, 2, 0, 1],
            &[2, 3, 1, 0, 0],
            &[4, 1, 1],
        ] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_optional_stays_when_it_is_something_else() {
        let mut reader = Reader::new(&[2, 1, 5, 4, 0]);
        assert_eq!(reader.optional(OCTETS), None);
        assert_eq!(reader.small(INTEGER), Some(5));
        assert!(reader.optional(OCTETS).is_some() && reader.is_empty());
    }
}
