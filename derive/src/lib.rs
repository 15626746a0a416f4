//! `#[derive(Coded)]`: a value as bytes, field by field, for `synchronome::coding`.
//!
//! An engine's whole state is recorded, and a state is some forty private structs. Written out by hand, their bytes would
//! be forty lists of fields, each wrong the day after somebody adds one. So they are derived: a new field is in, or does
//! not compile.
//!
//! | type | bytes |
//! |---|---|
//! | struct, tuple | its fields, in their order |
//! | enum | the variant's place from 0, one byte, then its fields |
//!
//! What the types do not say, as that a place is inside of its array, a struct says in a function of its own, and says so by
//! `#[coded(sound)]`: a value for which `fn is_sound(&self) -> bool` does not hold is malformed.
//!
//! The layout of a type is a hash of its names and of the layouts of its fields: what was written by another layout is
//! refused and never misread.
#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Ident, parse_macro_input, parse_quote};

/// The most variants of an enum: their place is one byte.
const VARIANTS_MAX: usize = 256;

/// Derives `crate::coding::Coded` for a struct or an enum, inside the crate `synchronome`.
#[proc_macro_derive(Coded, attributes(coded))]
pub fn coded(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(Error::into_compile_error).into()
}

/// What is made of the fields of a struct or of a variant.
struct Parts {
    /// Takes the value apart: `{ a: field_0, b: field_1 }`.
    pattern: TokenStream,
    /// Writes `field_0`, `field_1`.
    encode: TokenStream,
    /// Makes the value: `{ a: read, b: read }`.
    decode: TokenStream,
    /// Their names and layouts, as items of an array.
    layout: TokenStream,
}

fn parts(fields: &Fields) -> Parts {
    let bound: Vec<Ident> = (0..fields.len()).map(|index| format_ident!("field_{index}")).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let names: Vec<String> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| field.ident.as_ref().map_or_else(|| index.to_string(), Ident::to_string))
        .collect();
    let encode = quote! { #(crate::coding::Coded::encode(#bound, out);)* };
    let layout = quote! { #((#names, <#types as crate::coding::Coded>::LAYOUT),)* };
    let read = types.iter().map(|_| quote! { crate::coding::Coded::decode(from)? });
    let (pattern, decode) = match fields {
        Fields::Named(named) => {
            let idents: Vec<_> = named.named.iter().map(|field| &field.ident).collect();
            (quote! { { #(#idents: #bound),* } }, quote! { { #(#idents: #read),* } })
        }
        Fields::Unnamed(_) => (quote! { ( #(#bound),* ) }, quote! { ( #(#read),* ) }),
        Fields::Unit => (TokenStream::new(), TokenStream::new()),
    };
    Parts { pattern, encode, decode, layout }
}

/// Whether it says `#[coded(sound)]`, the only thing that can be said.
fn has_rule(input: &DeriveInput) -> Result<bool, Error> {
    let mut has_rule = false;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("coded")) {
        attribute.parse_nested_meta(|meta| {
            has_rule = true;
            if meta.path.is_ident("sound") { Ok(()) } else { Err(meta.error("only `sound` is known here")) }
        })?;
    }
    Ok(has_rule)
}

fn expand(mut input: DeriveInput) -> Result<TokenStream, Error> {
    let has_rule = has_rule(&input)?;
    for parameter in &mut input.generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(crate::coding::Coded));
        }
    }
    let name = &input.ident;
    let title = name.to_string();
    let (encode, decode, layout) = match &input.data {
        Data::Struct(data) => {
            let Parts { pattern, encode, decode, layout } = parts(&data.fields);
            (quote! { let Self #pattern = self; #encode }, quote! { Ok(Self #decode) }, layout)
        }
        Data::Enum(data) if data.variants.len() <= VARIANTS_MAX => of_enum(data),
        Data::Enum(_) => return Err(Error::new_spanned(name, "more variants than a byte counts")),
        Data::Union(_) => return Err(Error::new_spanned(name, "a union does not say which of its fields it is")),
    };
    let decode = if has_rule {
        quote! {
            let value: Self = { #decode }?;
            if value.is_sound() { Ok(value) } else { Err(crate::coding::Malformed) }
        }
    } else {
        decode
    };
    let (impls, types, wheres) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impls crate::coding::Coded for #name #types #wheres {
            const LAYOUT: u64 = crate::coding::layout(#title, &[#layout]);
            fn encode(&self, out: &mut crate::coding::Encoder) { #encode }
            fn decode(from: &mut crate::coding::Decoder<'_>) -> Result<Self, crate::coding::Malformed> { #decode }
        }
    })
}

fn of_enum(data: &syn::DataEnum) -> (TokenStream, TokenStream, TokenStream) {
    let (mut encode, mut decode, mut layout) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for (place, variant) in data.variants.iter().enumerate() {
        let (place, name, title) = (place as u8, &variant.ident, variant.ident.to_string());
        let of = parts(&variant.fields);
        let (pattern, fields, made, inner) = (of.pattern, of.encode, of.decode, of.layout);
        encode.extend(quote! { Self::#name #pattern => { out.byte(#place); #fields } });
        decode.extend(quote! { #place => Ok(Self::#name #made), });
        layout.extend(quote! { (#title, crate::coding::layout(#title, &[#inner])), });
    }
    let decode = quote! { match from.byte()? { #decode _ => Err(crate::coding::Malformed) } };
    (quote! { match self { #encode } }, decode, layout)
}
