# QUAL below min_quality: LowQual; others PASS. GATK's calls have their hard filters already.
rule filter_germline:
    input:
        "work/normalised/germline.vcf.gz",
    output:
        "work/filtered/germline.vcf.gz",
    log:
        "logs/filter_germline/germline.log",
    params:
        how=["view"]
        if CALLER == "gatk"
        else ["filter", "--soft-filter", "LowQual", "--mode", "x", "--exclude", f"QUAL<{config['min_quality']}"],
    conda:
        "../envs/tools.yaml"
    shell:
        "bcftools {params.how:q} -O z -o {output:q} {input:q} 2> {log:q}"
