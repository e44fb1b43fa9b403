using System.Text;

namespace Millrace.MySql.Tests.Binlog;

/// <summary>Writes events as a server would.</summary>
internal static class EventBytes
{
    public static readonly byte[] Magic = [0xfe, 0x62, 0x69, 0x6e];

    public static byte[] Event(byte type, byte[] body, uint logPos = 0, ushort flags = 0, bool checksum = false, uint serverId = 1)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(1_700_000_000u);
        writer.Write(type);
        writer.Write(serverId);
        writer.Write((uint)(19 + body.Length + (checksum ? 4 : 0)));
        writer.Write(logPos);
        writer.Write(flags);
        writer.Write(body);
        if (checksum)
            writer.Write(Crc(memory.ToArray()));
        return memory.ToArray();
    }

    public static byte[] FormatDescription(bool checksum, uint logPos = 0, string version = "8.4.0")
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write((ushort)4);
        var name = new byte[50];
        Encoding.ASCII.GetBytes(version, name);
        writer.Write(name);
        writer.Write(0u);
        writer.Write((byte)19);
        writer.Write(new byte[42]);
        writer.Write((byte)(checksum ? 1 : 0));
        if (!checksum)
            writer.Write(0u);
        return Event(15, memory.ToArray(), logPos, checksum: checksum);
    }

    public static byte[] Rotate(string file, ulong offset, bool artificial, bool checksum = false, uint logPos = 0) =>
        Event(
            4,
            [.. BitConverter.GetBytes(offset), .. Encoding.UTF8.GetBytes(file)],
            logPos,
            artificial ? (ushort)0x20 : (ushort)0,
            checksum
        );

    public static byte[] Query(string sql, bool checksum = false, uint logPos = 0) =>
        Event(2, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(sql)], logPos, 0, checksum);

    /// <summary>IEEE 802.3, bit by bit.</summary>
    public static uint Crc(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++)
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        return ~crc;
    }
}
