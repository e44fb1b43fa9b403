using System.Text.Json;

namespace Millrace.Generators.Tests;

public enum Status
{
    Open,
    InProgress,
    Closed,
}

[Flags]
public enum Channels : byte
{
    None = 0,
    Mail = 1,
    Phone = 2,
    Chat = 4,
}

[Row("everything")]
public sealed partial record EveryType(
    [Key] long Id,
    sbyte Tiny,
    byte TinyUnsigned,
    short Small,
    ushort SmallUnsigned,
    int Medium,
    uint MediumUnsigned,
    ulong BigUnsigned,
    bool Flag,
    decimal Amount,
    double Ratio,
    float Share,
    string Title,
    Guid Token,
    DateTime LocalAt,
    DateTimeOffset HappenedAt,
    DateOnly Day,
    TimeOnly At,
    TimeSpan Took,
    Status Status,
    Channels Channels
)
{
    public int? MaybeNumber { get; init; }
    public ulong? MaybeBig { get; init; }
    public bool? MaybeFlag { get; init; }
    public decimal? MaybeAmount { get; init; }
    public double? MaybeRatio { get; init; }
    public string? MaybeTitle { get; init; }
    public Guid? MaybeToken { get; init; }
    public DateTime? MaybeLocalAt { get; init; }
    public DateTimeOffset? MaybeHappenedAt { get; init; }
    public DateOnly? MaybeDay { get; init; }
    public TimeOnly? MaybeAt { get; init; }
    public TimeSpan? MaybeTook { get; init; }
    public Status? MaybeStatus { get; init; }
}

[Row("documents")]
public sealed partial record DocumentRow([Key] long Id, JsonElement Body, JsonElement? Extra, byte[] Blob, byte[]? Thumbnail);

/// <summary>More columns than one word of bits, on a composite key, with init properties alone, nested in another type.</summary>
public static partial class Nested
{
    [Row("Wide Table")]
    public partial record WideRow
    {
        [Key, Column("A")]
        public required int First { get; init; }

        [Key]
        public required string @class { get; init; }

        [Column("naïve \"column\"")]
        public string? Odd { get; init; }

        public int Computed => First + 1;

        // csharpier-ignore-start
        public int C1 { get; init; } public int C2 { get; init; } public int C3 { get; init; } public int C4 { get; init; } public int C5 { get; init; }
        public int C6 { get; init; } public int C7 { get; init; } public int C8 { get; init; } public int C9 { get; init; } public int C10 { get; init; }
        public int C11 { get; init; } public int C12 { get; init; } public int C13 { get; init; } public int C14 { get; init; } public int C15 { get; init; }
        public int C16 { get; init; } public int C17 { get; init; } public int C18 { get; init; } public int C19 { get; init; } public int C20 { get; init; }
        public int C21 { get; init; } public int C22 { get; init; } public int C23 { get; init; } public int C24 { get; init; } public int C25 { get; init; }
        public int C26 { get; init; } public int C27 { get; init; } public int C28 { get; init; } public int C29 { get; init; } public int C30 { get; init; }
        public int C31 { get; init; } public int C32 { get; init; } public int C33 { get; init; } public int C34 { get; init; } public int C35 { get; init; }
        public int C36 { get; init; } public int C37 { get; init; } public int C38 { get; init; } public int C39 { get; init; } public int C40 { get; init; }
        public int C41 { get; init; } public int C42 { get; init; } public int C43 { get; init; } public int C44 { get; init; } public int C45 { get; init; }
        public int C46 { get; init; } public int C47 { get; init; } public int C48 { get; init; } public int C49 { get; init; } public int C50 { get; init; }
        public int C51 { get; init; } public int C52 { get; init; } public int C53 { get; init; } public int C54 { get; init; } public int C55 { get; init; }
        public int C56 { get; init; } public int C57 { get; init; } public int C58 { get; init; } public int C59 { get; init; } public int C60 { get; init; }
        public int C61 { get; init; } public int C62 { get; init; } public int C63 { get; init; } public int C64 { get; init; } public int C65 { get; init; }
        // csharpier-ignore-end
    }
}

[Row("tags")]
public sealed partial record TagRow(
    [Key, Column("Wide_A"), ChildOf<Nested.WideRow>] int WideFirst,
    [Key, ChildOf<Nested.WideRow>] string WideClass,
    [Key] string Tag,
    [References<DocumentRow>] long DocumentId,
    [References<DocumentRow>] long? OtherDocumentId,
    [OccurredAt] DateTime CreatedAt
);
