using System.Text;
using BenchmarkDotNet.Attributes;
using Millrace.MySql.Rows;

namespace Millrace.Bench;

/// <summary>
/// From a rows event to canonical JSON on one core: a table of eight mixed columns as a shop's orders have them, 1,000 rows an event.
/// The column "Op/s" counts rows.
/// </summary>
[MemoryDiagnoser]
[OperationsPerSecond]
[ShortRunJob]
public class RowDecoding
{
    const int Rows = 1000;

    RowDecoder _decoder = null!;
    byte[] _inserts = null!;
    byte[] _updates = null!;

    [GlobalSetup]
    public void Setup()
    {
        ColumnSchema Column(string name, string type) =>
            new()
            {
                Name = name,
                DataType = type,
                ColumnType = type,
            };
        var schema = new TableSchema(
            "shop",
            "orders",
            [
                Column("id", "bigint") with
                {
                    Unsigned = true,
                },
                Column("customer_id", "int"),
                Column("reference", "varchar") with
                {
                    Charset = "utf8mb4",
                    MaxOctets = 160,
                },
                Column("status", "enum") with
                {
                    Charset = "utf8mb4",
                    Members = ["new", "paid", "sent", "closed"],
                },
                Column("total", "decimal") with
                {
                    Precision = 10,
                    Scale = 2,
                },
                Column("note", "text") with
                {
                    Charset = "utf8mb4",
                    MaxOctets = 65535,
                },
                Column("created", "datetime") with
                {
                    FractionDigits = 6,
                },
                Column("paid_at", "timestamp") with
                {
                    FractionDigits = 0,
                },
            ],
            [0],
            []
        );
        byte[] map =
        [
            .. (byte[])[7, 0, 0, 0, 0, 0, 1, 0, 4],
            .. "shop\0"u8,
            6,
            .. "orders\0"u8,
            .. (byte[])[8, 8, 3, 15, 254, 246, 252, 18, 17],
            .. (byte[])[9, 160, 0, 247, 1, 10, 2, 2, 6, 0],
            0,
        ];
        _decoder = RowDecoder.Bind(TableMap.Parse(map, mariaDb: false), schema);
        var header = new byte[] { 7, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8 };
        _inserts = [.. header, 0xFF, .. Enumerable.Range(0, Rows).SelectMany(Image)];
        _updates = [.. header, 0xFF, 0xFF, .. Enumerable.Range(0, Rows).SelectMany(i => (byte[])[.. Image(i), .. Image(i + 1)])];
    }

    static byte[] Image(int i)
    {
        var reference = Encoding.UTF8.GetBytes($"order {i} of 2024");
        var note = Encoding.UTF8.GetBytes($"Bitte \"vor 9 Uhr\" liefern, Tür {i}; the bell is broken");
        return
        [
            0,
            .. BitConverter.GetBytes(1_000_000_000_000L + i),
            .. BitConverter.GetBytes(i * 7),
            (byte)reference.Length,
            .. reference,
            (byte)(i % 4 + 1),
            .. (byte[])[0x80, 0, (byte)(i >> 8), (byte)i, (byte)(i % 100)],
            (byte)note.Length,
            0,
            .. note,
            .. (byte[])[0x99, 0xB2, 0xBE, 0xD5, 0x1E, 0x01, 0xE2, (byte)i],
            .. (byte[])[0x65, 0xE0, 0x12, (byte)i],
        ];
    }

    [Benchmark(OperationsPerInvoke = Rows)]
    public long Inserts() => Read(30, _inserts);

    [Benchmark(OperationsPerInvoke = Rows)]
    public long Updates() => Read(31, _updates);

    long Read(byte type, byte[] body)
    {
        long bytes = 0;
        var reader = _decoder.Read(type, body);
        while (reader.MoveNext())
            bytes += reader.After.Json.Length;
        return bytes;
    }
}
