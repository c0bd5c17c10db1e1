//! The macro that declares a block of the payload once and derives its reading and writing.

/// Declares a block: one struct, its fields with their wire names and French labels.
///
/// Each line reads `pub name: Type = "wireName", "libellé", option(argument)…;` where an option is a
/// method of [`super::field::Field`]; `| "other"` after a wire name is a second spelling accepted
/// on read. After the fields, `forget` lists fields that are read and never kept, and `settle`
/// names a function that puts the block in order once it is read.
macro_rules! block {
    (
        $(#[$doc:meta])*
        $block:ident ($expected:literal) {
            $(
                $(#[$field_doc:meta])*
                $vis:vis $name:ident: $type:ty = $wire:literal $(| $alias:literal)?, $label:literal
                    $(, $option:ident ($($argument:expr)?))*;
            )+
        }
        $(forget $($forgotten:ident = $forgotten_wire:literal),+;)?
        $(settle $settle:path;)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $block {
            $($(#[$field_doc])* $vis $name: $type,)+
            /// Fields outside the norm, forwarded as they came.
            pub extra: $crate::form::extra::Extra,
        }

        impl $block {
            /// Returns whether nothing was given.
            pub fn is_empty(&self) -> bool {
                use $crate::form::wire::Slot as _;
                self.extra.is_empty() $(&& self.$name.is_empty())+
            }
        }

        impl $crate::form::wire::Shape for $block {
            const EXPECTED: &'static str = $expected;

            fn outline(at: &str, found: &mut Vec<$crate::form::FieldOutline>) {
                use $crate::form::{field::Field, outline};

                $({
                    static FIELD: Field = Field::new($wire, $label)
                        $(.alias($alias))?
                        $(.$option($($argument)?))*;
                    outline::tell::<$type>(at, &FIELD, found);
                })+
            }

            fn map<'de, A: serde::de::MapAccess<'de>>(
                mut map: A,
                _: &$crate::form::field::Field,
                report: &mut $crate::form::report::Report,
            ) -> Result<$crate::form::wire::Read<Self>, A::Error> {
                use $crate::form::{field::Field, pass};

                #[derive(Default)]
                struct Seen { $($name: pass::Met,)+ $($($forgotten: pass::Met,)+)? }

                let mut block = Self::default();
                let mut seen = Seen::default();
                while let Some(key) = map.next_key_seed(pass::Key)? {
                    match key.as_ref() {
                        $($wire $(| $alias)? => {
                            static FIELD: Field = Field::new($wire, $label)
                                $(.alias($alias))?
                                $(.$option($($argument)?))*;
                            let place = (&mut block.$name, &mut seen.$name, &mut block.extra);
                            pass::fill(place, &FIELD, &key, &mut map, report)?;
                        })+
                        $($($forgotten_wire => {
                            pass::forget(&mut seen.$forgotten, &key, &mut map, report)?;
                        })+)?
                        _ => pass::keep_unknown(&mut block.extra, key, &mut map, report)?,
                    }
                }
                $($settle(&mut block);)?
                Ok($crate::form::wire::Read::Value(block))
            }

            fn write(&self) -> serde_json::Value {
                use $crate::form::{field::Field, wire::Slot as _};

                let mut object = self.extra.to_object();
                $(
                    if const { !Field::new($wire, $label)$(.$option($($argument)?))*.read_only }
                        && let Some(value) = self.$name.written()
                    {
                        object.insert($wire.to_owned(), value);
                    }
                )+
                serde_json::Value::Object(object)
            }
        }

        impl $crate::form::wire::Slot for $block {
            type Item = Self;

            fn put(&mut self, item: Self) {
                *self = item;
            }

            fn is_empty(&self) -> bool {
                $block::is_empty(self)
            }

            fn written(&self) -> Option<serde_json::Value> {
                (!$block::is_empty(self)).then(|| $crate::form::wire::Shape::write(self))
            }
        }
    };
}
pub(crate) use block;
