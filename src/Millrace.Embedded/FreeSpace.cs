using Millrace.Engines;

namespace Millrace.Embedded;

/// <summary>
/// Refuses to write while the disk has less room than the reserve. RocksDB writes in the background what was committed before, and
/// when that fails for want of room it stops for good; so room is kept for it, and a full disk is met at a commit, which can be
/// refused whole and tried again.
/// </summary>
internal sealed class FreeSpace(string folder, long reserve)
{
    private const long CheckBytes = 4 << 20;
    private const long CheckMilliseconds = 100;

    private readonly DriveInfo _drive = new(Path.GetFullPath(folder));
    private long _untilCheck;
    private long _checkedAt = -CheckMilliseconds;
    private volatile bool _refusing;

    /// <summary>Whether it refused the last time it was asked.</summary>
    public bool Refusing => _refusing;

    /// <summary>Bytes that can be written before it refuses.</summary>
    public long Free => Math.Max(0, _drive.AvailableFreeSpace - reserve);

    /// <summary>Asks whether there is room now.</summary>
    public void Check()
    {
        _refusing = true;
        Take(0);
    }

    /// <summary>Asks for room for a write. Used by one thread at a time.</summary>
    public void Take(long bytes)
    {
        _untilCheck -= bytes;
        var now = Environment.TickCount64;
        if (_untilCheck > 0 && !_refusing && now - _checkedAt < CheckMilliseconds)
        {
            return;
        }
        var free = _drive.AvailableFreeSpace;
        _refusing = free - bytes < reserve;
        _untilCheck = CheckBytes;
        _checkedAt = now;
        if (_refusing)
        {
            throw new EngineException(
                $"The disk of '{folder}' is full: {free >> 20} MB are free and {reserve >> 20} MB are kept in reserve. Nothing was written. "
                    + "Make room on it, and it goes on by itself; or move the folder to a larger disk."
            );
        }
    }
}
