//! What is wrong with a field of an entry, as its form says it: of the value that was entered, in the form's words.
//! A fleet file's fault names the field and what to write there, which a form shows itself.

use relay_control::fleet_document::{Expected, Fault, Faults, Wrong};
use relay_domain::id::MAX_ID_BYTES;
use relay_domain::{BaseUrlError, DecimalError, IdError, ModelPatternError};

use crate::faults;
use crate::format::Format;
use crate::terms;
use crate::words::{Language, enumerated, words};

words! {
    ToldWords {
        missing => "Fill this in." / "请填写此项。";
        whole => "Enter a whole number." / "请填写整数。";
        up_to(most) => "Enter a whole number from 0 to {most}." / "请填写 0 到 {most} 之间的整数。";
        decimal => "Enter a decimal number such as 12.50." / "请填写十进制数，例如 12.50。";
        too_fine(digits) => "Enter at most {digits} digits after the point." / "小数点后最多 {digits} 位。";
        too_large => "Enter a smaller number." / "数值过大，请改小。";
        span => "Enter a duration of up to a year, such as 30s or 1h." / "请填写不超过一年的时长，例如 30s 或 1h。";
        time => "Enter a time with its zone, such as 2027-01-31T00:00:00Z." / "请填写带时区的时间，例如 2027-01-31T00:00:00Z。";
        list => "Enter words, with commas between them." / "请填写文字，多项之间用逗号分隔。";
        budgets => "Enter one budget on each line, as in the examples." / "请按示例填写，每行一项额度。";
        two_budgets => "Enter one budget of money, and one of tokens, for each period at most." / "每个周期最多填写一项金额额度和一项 token 额度。";
        choose(words) => "Choose one of {words}." / "请从以下取值中选择：{words}。";
        id => "Use letters, digits and . _ - : @ only." / "只能使用字母、数字和 . _ - : @。";
        id_like(id) => "Use letters, digits and . _ - : @ only, such as {id}." / "只能使用字母、数字和 . _ - : @，例如 {id}。";
        long_id(most) => "Enter a shorter name, of up to {most} characters." / "名称过长，最多 {most} 个字符。";
        taken(id) => "“{id}” exists already; choose another name." / "“{id}” 已存在，请换一个名称。";
        url => "Enter a URL such as https://host.example." / "请填写 URL，例如 https://host.example。";
        url_of_user => "Leave user:password@ out: there are fields for keys." / "请去掉 user:password@，密钥有单独的字段。";
        url_to_path => "End the URL at its path, without ? or #." / "URL 只保留到路径为止，不含 ? 或 #。";
        private => "This address is private, or of this machine itself. If that is meant, tick “May have a private or loopback address”." / "这是内网地址或本机地址。如果确实如此，请勾选“允许内网或回环地址”。";
        no_admin_api => "A host of the kind openai has no admin API; leave this blank." / "类型为 openai 的主机没有管理 API，请留空。";
        two_accesses => "Enter the admin key or a login, not both." / "请只填写管理 key 或登录账号中的一项。";
        no_drain => "Leave this blank, unless the rest of a stream is read." / "不继续读取时请留空。";
        unknown(noun, id) => "There is no {noun} “{id}”; choose one that exists." / "没有名为 “{id}” 的{noun}，请从已有的中选择。";
        meant(noun, id, nearest) => "There is no {noun} “{id}”; did you mean “{nearest}”?" / "没有名为 “{id}” 的{noun}，是否指 “{nearest}”？";
        twice(name) => "Enter “{name}” once only." / "“{name}” 重复，请只填写一次。";
        star(model) => "“{model}” may have one * only, at its end." / "“{model}” 只能在末尾有一个 *。";
        address(text) => "“{text}” is no address; enter some such as 203.0.113.7 or 10.0.0.0/8." / "“{text}” 不是地址，请填写地址或网段，例如 203.0.113.7 或 10.0.0.0/8。";
        no_shadow_group => "Enter the group on the host: a managed key is for one." / "请填写主机侧分组：一个托管 key 只用于一个分组。";
        no_gateway_key(host) => "Host “{host}” has no gateway key; give it one, or choose another key to send." / "主机 “{host}” 没有网关 key，请为其填写，或选择其他 key。";
        no_admin_access(host) => "Host “{host}” has no admin key or login of a sub2api host; give it one, or choose another key to send." / "主机 “{host}” 没有 sub2api 主机的管理 key 或登录账号，请为其填写，或选择其他 key。";
        shared(key) => "Key “{key}” has the same secret; enter another one." / "key “{key}” 使用了相同的密钥，请换一个。";
        more(number) => "Faults beside these: {number}. They are told once these are corrected." / "另有 {number} 处问题，更正以上问题后再列出。";
        unsendable => "Enter one word of visible ASCII characters." / "请填写由可见 ASCII 字符组成的一个词。";
    }
}

/// A fault, at the field that has it.
pub(crate) fn at_field(language: Language, fault: &Fault) -> String {
    let t = ToldWords(language);
    match &fault.wrong {
        Wrong::Missing(_)
        | Wrong::Empty
        | Wrong::NoGroup
        | Wrong::EmptySecret(_)
        | Wrong::Id(_, IdError::Empty, _)
        | Wrong::Model(_, ModelPatternError::Empty) => t.missing().to_owned(),
        Wrong::Type(_, Expected::Whole) => t.whole().to_owned(),
        Wrong::Number(_, most) => t.up_to(Format(language).number(i64::try_from(*most).unwrap_or(i64::MAX))),
        Wrong::Type(_, Expected::Decimal) | Wrong::Inexact(_) | Wrong::Decimal(_, DecimalError::Form) => {
            t.decimal().to_owned()
        }
        Wrong::Decimal(_, DecimalError::TooFine(digits)) => t.too_fine(digits),
        Wrong::Decimal(_, DecimalError::TooLarge) => t.too_large().to_owned(),
        Wrong::Type(_, Expected::Span(_)) | Wrong::Span(..) => t.span().to_owned(),
        Wrong::Time(_) => t.time().to_owned(),
        Wrong::Type(_, Expected::Texts | Expected::TextItem) => t.list().to_owned(),
        Wrong::Type(_, Expected::Tables(_) | Expected::TableItem(_)) | Wrong::TokensAndMoney | Wrong::NoAmount => {
            t.budgets().to_owned()
        }
        Wrong::TwoBudgets(_) => t.two_budgets().to_owned(),
        Wrong::Choice(_, _, words) => t.choose(enumerated(language, words)),
        Wrong::Id(_, IdError::TooLong, _) => t.long_id(MAX_ID_BYTES),
        Wrong::Id(_, IdError::Character(_), Some(id)) => t.id_like(id),
        Wrong::Id(_, IdError::Character(_), None) => t.id().to_owned(),
        Wrong::DuplicateId(_, id) => t.taken(id),
        Wrong::BaseUrl(_, BaseUrlError::Malformed | BaseUrlError::Scheme) => t.url().to_owned(),
        Wrong::BaseUrl(_, BaseUrlError::Userinfo) => t.url_of_user().to_owned(),
        Wrong::BaseUrl(_, BaseUrlError::Query) => t.url_to_path().to_owned(),
        Wrong::PrivateAddress(_) => t.private().to_owned(),
        Wrong::NoAdminApi => t.no_admin_api().to_owned(),
        Wrong::TwoAccesses => t.two_accesses().to_owned(),
        Wrong::LimitWithoutDrain => t.no_drain().to_owned(),
        Wrong::NoSuch(noun, id, Some(nearest)) => t.meant(terms::object(language, noun), id, nearest),
        Wrong::NoSuch(noun, id, None) => t.unknown(terms::object(language, noun), id),
        Wrong::Twice(name) => t.twice(name),
        Wrong::Model(model, ModelPatternError::Star) => t.star(model),
        Wrong::Address(text) => t.address(text),
        Wrong::NoShadowGroup => t.no_shadow_group().to_owned(),
        Wrong::NoGatewayKey(host) => t.no_gateway_key(host),
        Wrong::NoAdminAccess(host) => t.no_admin_access(host),
        Wrong::SharedSecret(key) => t.shared(key),
        Wrong::UnsendableSecret(_) => t.unsendable().to_owned(),
        // No form makes these: they are of what people write into fleet files, or send over the API.
        Wrong::Type(
            _,
            Expected::Document
            | Expected::Section
            | Expected::Entry(_)
            | Expected::Text
            | Expected::Flag(_)
            | Expected::Table(_)
            | Expected::Secret,
        )
        | Wrong::NotToml(_)
        | Wrong::UnknownSection(..)
        | Wrong::UnknownField(..)
        | Wrong::FixedId(_)
        | Wrong::FixedSecret
        | Wrong::GroupOfKeptKey(_)
        | Wrong::ReferenceFields(_)
        | Wrong::TwoReferences
        | Wrong::NoReference
        | Wrong::Unresolved(..)
        | Wrong::NothingKept
        | Wrong::NoKeptKey => fault.to_string(),
    }
}

/// A fault where no field shows it, with the entry that has it.
pub(crate) fn at_entry(language: Language, fault: &Fault) -> String {
    faults::of_entry(language, &fault.entry, &at_field(language, fault))
}

/// Faults of an act without a form, a line each.
pub(crate) fn by_entry(language: Language, faults: &Faults) -> Vec<String> {
    faults.kept().iter().map(|fault| at_entry(language, fault)).chain(more(language, faults)).collect()
}

/// How many faults there are beside those that are kept; none when that is all of them.
pub(crate) fn more(language: Language, faults: &Faults) -> Option<String> {
    let more = i64::try_from(faults.not_kept()).unwrap_or(i64::MAX);
    (more > 0).then(|| ToldWords(language).more(Format(language).number(more)))
}

/// There is one of this name already.
pub(crate) fn taken(language: Language, id: &str) -> String {
    ToldWords(language).taken(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_item_of_a_list_is_said_as_the_list_is_entered() {
        let said = |expected: Expected| {
            let wrong = Wrong::Type("a number", expected);
            let fault = Fault { path: "models[1]".to_owned(), entry: "key \"a\"".to_owned(), wrong };
            [Language::English, Language::Chinese].map(|language| at_field(language, &fault))
        };
        let list = ["Enter words, with commas between them.", "请填写文字，多项之间用逗号分隔。"];
        assert_eq!(
            (said(Expected::TextItem), said(Expected::Texts)),
            (list.map(str::to_owned), list.map(str::to_owned))
        );
        let budgets = said(Expected::TableItem("{ … }"));
        assert_eq!(budgets, said(Expected::Tables("{ … }")));
        assert!(budgets[0].contains("budget") && budgets[1].contains("额度"), "{budgets:?}");
    }
}
