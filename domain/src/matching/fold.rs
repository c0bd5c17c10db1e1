//! Names as one writes them down to a bare form: no accent, no case, no punctuation.

/// Particles that are written or left out at will, when they stand apart.
const PARTICLES: [&str; 3] = ["de", "du", "des"];
/// Articles that follow the particle `de` (de la Tour, de l'Isle).
const AFTER_DE: [&str; 4] = ["la", "le", "les", "l"];

/// Returns a name folded for comparison: lower case without accents, hyphens, apostrophes, spaces
/// or detached particles. A name made of particles only is kept.
pub fn fold(name: &str) -> String {
    let bare = bare(name);
    let mut folded = String::with_capacity(bare.len());
    let mut after_de = false;
    for word in bare.split(' ').filter(|word| !word.is_empty()) {
        let particle = PARTICLES.contains(&word) || (after_de && AFTER_DE.contains(&word));
        if !particle {
            folded.push_str(word);
        }
        after_de = word == "de";
    }
    if folded.is_empty() {
        bare.split(' ').collect()
    } else {
        folded
    }
}

/// Returns whether two names are the same once folded.
pub fn folded_eq(a: &str, b: &str) -> bool {
    a == b || fold(a) == fold(b)
}

/// Writes lower-case letters without accents, words parted by spaces. Apostrophes vanish, so that
/// `D'ALMEIDA` and `DALMEIDA` are one.
pub(crate) fn bare(name: &str) -> String {
    let mut bare = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => bare.push(c),
            // Of a combining accent the letter is already written.
            '\'' | '’' | '‘' | 'ʼ' | '´' | '`' | '\u{300}'..='\u{36f}' => {}
            _ if c.is_alphanumeric() => match base(c) {
                Some(letters) => bare.push_str(letters),
                None => bare.push(c),
            },
            _ => bare.push(' '),
        }
    }
    bare
}

/// Returns the unaccented letters of a lower-case Latin letter; other scripts are kept as they are.
fn base(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ế' | 'ề' | 'ễ' | 'ệ' => {
            "e"
        }
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}
