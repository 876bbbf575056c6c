//! How the shapes of a catalog are written down: [`object!`] for what has fields, [`words!`] for one of
//! a few words. The comments are the documentation of the code and of the JSON Schema alike.

/// A struct that is read from a mapping.
///
/// Each field is `required`, `optional` (an `Option`) or has a `default`, which its comment names; the
/// fields of a `flat` one are written among those of the whole.
macro_rules! object {
    ($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $need:ident $field:ident: $kind:ty $(= $default:expr)?,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Default)]
        pub(super) struct $name {
            $($(#[doc = $doc])+ pub(super) $field: object!(@type $need $kind),)+
        }

        impl $name {
            /// Reads the fields out of those of an object that has them among others.
            fn take(fields: &mut $crate::catalog::read::Fields<'_, '_, '_>) -> Self {
                Self { $($field: object!(@read $need fields $field: $kind $(= $default)?),)+ }
            }

            fn describe(object: &mut $crate::catalog::read::ObjectSchema) {
                $(object!(@describe $need object $field: $kind, &[$($doc),+]);)+
            }
        }

        impl $crate::catalog::read::Read for $name {
            fn read(
                node: &$crate::catalog::tree::Node,
                path: &$crate::catalog::path::Path,
                reading: &mut $crate::catalog::read::Reading<'_>,
            ) -> Self {
                let mut fields = $crate::catalog::read::Fields::of(node, path, reading);
                let object = Self::take(&mut fields);
                fields.finish();
                object
            }

            fn schema() -> serde_json::Value {
                let mut object = $crate::catalog::read::ObjectSchema::default();
                Self::describe(&mut object);
                object.finish(&[$($about),+])
            }
        }
    };
    (@type optional $kind:ty) => { Option<$kind> };
    (@type $need:ident $kind:ty) => { $kind };
    (@read required $fields:ident $field:ident: $kind:ty) => {
        $fields.required::<$kind>(stringify!($field))
    };
    (@read optional $fields:ident $field:ident: $kind:ty) => {
        $fields.optional::<$kind>(stringify!($field))
    };
    (@read default $fields:ident $field:ident: $kind:ty = $default:expr) => {
        $fields.optional::<$kind>(stringify!($field)).unwrap_or($default)
    };
    (@read flat $fields:ident $field:ident: $kind:ty) => { <$kind>::take($fields) };
    (@describe flat $object:ident $field:ident: $kind:ty, $about:expr) => {
        <$kind>::describe($object)
    };
    (@describe required $object:ident $field:ident: $kind:ty, $about:expr) => {
        $object.add::<$kind>(stringify!($field), $about, true)
    };
    (@describe $need:ident $object:ident $field:ident: $kind:ty, $about:expr) => {
        $object.add::<$kind>(stringify!($field), $about, false)
    };
}

/// An enum that is read from one of a few words. The first is its default.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                let [first, ..] = [$(Self::$variant),+];
                first
            }
        }

        impl $crate::catalog::read::Choice for $name {
            const WORDS: &[(Self, &str, &[&str])] =
                &[$((Self::$variant, $word, &[$($doc),+])),+];
        }

        impl $crate::catalog::read::Read for $name {
            fn read(
                node: &$crate::catalog::tree::Node,
                path: &$crate::catalog::path::Path,
                reading: &mut $crate::catalog::read::Reading<'_>,
            ) -> Self {
                $crate::catalog::read::choose(node, path, reading)
            }

            fn schema() -> serde_json::Value {
                $crate::catalog::read::choice::<Self>()
            }
        }
    };
}

pub(crate) use object;
pub(crate) use words;
